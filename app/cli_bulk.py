"""``python -m app import`` and ``python -m app export``: many records at once."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.bulk import Importer, look_less_for_garbage, run_import
from app.commands.preserve import preserve_base
from app.config import get_settings
from app.db import make_sessions
from app.errors import ImportRefusedError, InvalidRequestError
from app.exports.whole_base import write_base, write_base_file
from app.startup import StartupError, migrate, open_database, opened
from app.vocabulary import load_vocabulary

Tell = Callable[[str, int], None]
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 80


def import_file(
    file: Annotated[Path, typer.Argument(help="JSON Lines, one record a line; - reads stdin.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Do all of it, and write nothing.")] = False,
    actor: Annotated[str, typer.Option(help="The name that the change is recorded with.")] = (
        "console"
    ),
    preserve: Annotated[
        bool,
        typer.Option(help="The file is a whole base (see export); the base here has to be empty."),
    ] = False,
) -> None:
    """Import concepts, conditions, documents and claims: all lines, or none."""
    if preserve:
        _import_base(file, dry_run=dry_run)
        return
    if not SLUG.fullmatch(actor) or len(actor) > LONGEST_NAME:
        raise InvalidRequestError("An actor is named as accounts are, such as jane-doe.")
    look_less_for_garbage()
    try:
        with (
            _opened(file) as content,
            opened(get_settings().database_url) as sessions,
            _progress(content) as tell,
        ):
            importer = Importer(actor, dry_run=dry_run, tell=tell)
            report = run_import(sessions, content, load_vocabulary(), importer)
    except ImportRefusedError as error:
        _print_faults(error)
    else:
        _print_report(report)


def _print_faults(error: ImportRefusedError) -> None:
    for fault in error.extra["faults"]:
        where = f" at {fault['pointer']}" if fault["pointer"] else ""
        print(f"line {fault['line']}{where}: {fault['reason']}", file=sys.stderr)
    total, shown = error.extra["faults_total"], len(error.extra["faults"])
    if total > shown:
        print(f"and {total - shown} more", file=sys.stderr)
    print(f"claimbase: {total} faults; nothing was written.", file=sys.stderr)
    raise typer.Exit(1)


def _print_report(report: dict[str, Any]) -> None:
    for action in ("created", "updated", "unchanged"):
        for record_type, number in report[action].items():
            if number:
                print(f"{action} {number} {record_type}s")
    for effect, number in report["conflicts"].items():
        if number:
            print(f"conflicts {effect}: {number}")
    print(
        f"{report['lines']} lines, checked in {report['seconds_validating']} s, "
        f"written in {report['seconds_locked']} s",
    )
    if report["dry_run"]:
        print("dry run: nothing was written")
    else:
        change = report["change"]
        print(f"change {change}" if change else "no change was needed")


def _import_base(file: Path, *, dry_run: bool) -> None:
    if dry_run:
        raise StartupError("A whole base is imported or not: --preserve has no dry run.")
    engine = open_database(get_settings().database_url)
    try:
        migrate(engine)
        with _opened(file) as content, make_sessions(engine).write.begin() as session:
            counts = preserve_base(session, content)
    finally:
        engine.dispose()
    print(f"imported {counts['change']} changes with {counts['revision']} revisions")


def export_base(
    file: Annotated[Path | None, typer.Argument(help="Where to; without one to stdout.")] = None,
) -> None:
    """Export the whole base with its history as JSON Lines, from one snapshot."""
    with opened(get_settings().database_url) as sessions, sessions.read() as session:
        if file is None:
            for line in write_base(session):
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return
        try:
            lines = write_base_file(session, file)
        except OSError as error:
            raise StartupError(f"{file} cannot be written: {error.strerror}.") from error
    print(f"exported {lines} lines to {file}")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        content = file.open("rb")
    except OSError as error:
        raise StartupError(f"{file} cannot be read: {error.strerror}.") from error
    with content:
        yield content


@contextmanager
def _progress(content: BinaryIO) -> Iterator[Tell]:
    """A bar on the terminal; nothing where stderr is none."""
    console = Console(stderr=True)
    size = None
    if content.seekable():
        size = content.seek(0, 2)
        content.seek(0)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"))
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        tasks = {"reading": bar.add_task("reading (bytes)", total=size)}

        def tell(stage: str, done: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=None)
            bar.update(tasks[stage], completed=done)

        yield tell
