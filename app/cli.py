"""Operator commands: ``python -m app serve``, ``seed``, ``check``, ``locate``, ``openapi``."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError

from app.cli_accounts import accounts, keys
from app.cli_backup import backup_base, restore_base
from app.cli_bulk import export_base, import_file
from app.config import Settings, get_settings
from app.db import sqlite_is_safe_for_several_writers, sqlite_path
from app.errors import ClaimbaseError
from app.logs import logging_config
from app.main import create_app
from app.queries.check import check_base
from app.queries.document_check import check_document, locate_quote
from app.server import ProblemProtocol
from app.startup import StartupError, opened, prepare, refuse_unservable
from app.supervisor import Supervisor
from app.vocabulary import VocabularyFileError, load_vocabulary

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Claimbase: contested medical claims, who says what.",
)


app.add_typer(accounts, name="accounts")
app.add_typer(keys, name="keys")
app.command("import")(import_file)
app.command("export")(export_base)
app.command("backup")(backup_base)
app.command("restore")(restore_base)


def main() -> None:
    with _one_sentence():
        app()


@contextmanager
def _one_sentence() -> Iterator[None]:
    """What can be foreseen to go wrong ends in one sentence and exit code 1."""
    try:
        yield
    except (StartupError, VocabularyFileError) as error:
        _fail(str(error))
    except ClaimbaseError as error:
        _fail(error.detail)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        _fail(_invalid_setting(error))


def _fail(sentence: str) -> None:
    print(f"claimbase: {sentence}", file=sys.stderr)
    sys.exit(1)


def _invalid_setting(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = f"CLAIMBASE_{str(first['loc'][0]).upper()}"
    return f"The setting {name} is not valid: {first['msg']}."


@app.command()
def serve() -> None:
    """Serve the API on CLAIMBASE_HOST and CLAIMBASE_PORT.

    A SQLite base is made, migrated and seeded first; for PostgreSQL run `seed` before.
    """
    settings = get_settings()
    on_sqlite = sqlite_path(settings.database_url) is not None
    if on_sqlite and settings.workers > 1 and not sqlite_is_safe_for_several_writers():
        raise StartupError(
            "This SQLite can corrupt a base that several workers write: set "
            "CLAIMBASE_WORKERS=1, or use SQLite 3.51.3 or newer, or PostgreSQL.",
        )
    listening = _listen(settings)
    if on_sqlite:
        prepare(settings.database_url, settings.seed_file)
    refuse_unservable(settings)
    config = uvicorn.Config(
        "app.main:create_service",
        factory=True,
        http=ProblemProtocol,
        ws="none",
        workers=settings.workers,
        log_config=logging_config(settings.log_format, settings.log_level),
        log_level="warning",  # of uvicorn itself
        access_log=False,  # app.middleware.metrics tells more, and no queries
        server_header=False,
        # One that is slow to tell that it lives is killed, with all that it answers: by default
        # after 5 seconds, which a machine under load can take.
        timeout_worker_healthcheck=30,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=settings.keep_alive_seconds,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
    )
    _announce(listening, settings)
    server = uvicorn.Server(config)
    if settings.workers > 1:
        Supervisor(config, sockets=[listening]).run()
    else:
        server.run(sockets=[listening])
    if not server.started and settings.workers == 1:
        raise StartupError("The service did not start; the lines above say why.")


def _listen(settings: Settings) -> socket.socket:
    """The port is taken before anything else is done, so that a used one is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise StartupError(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): "
            f"stop what holds it, or set CLAIMBASE_PORT to another.",
        ) from error
    listening.set_inheritable(True)
    return listening


def _announce(listening: socket.socket, settings: Settings) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{listening.getsockname()[1]}"
    print(f"Claimbase is ready. Open one of these (Ctrl+C stops it):\n  {base}/", flush=True)
    for path in ("/conditions/milia", "/claims?type=cause&conflict=true", "/docs"):
        print(f"  {base}{path}", flush=True)


@app.command()
def seed() -> None:
    """Make or migrate the database and load data/seed.json with the vocabulary."""
    settings = get_settings()
    report = prepare(settings.database_url, settings.seed_file)
    if report is None:
        print("This seed is loaded already; nothing was changed.")
        return
    for title, counts in (("created", report.created), ("updated", report.updated)):
        for record_type, number in counts.items():
            print(f"{title} {number} {record_type}s")
    for line in report.left:
        print(f"left as people changed it: {line}")
    for line in report.missing:
        print(f"no longer in the seed, kept: {line}")
    print(f"change {report.change}" if report.change else "no change was needed")


@app.command()
def check(
    document: Annotated[
        list[str] | None,
        typer.Option(help="KEY=FILE: compare every citation with the text itself."),
    ] = None,
) -> None:
    """Verify the base: references, conflicts against a fresh computation, citations."""
    settings = get_settings()
    with opened(settings.database_url) as sessions, sessions.read() as session:
        faults = check_base(session, load_vocabulary(), print)
        for named in document or []:
            key, _, file = named.partition("=")
            faults += check_document(session, key, _read_text(Path(file)), print)
    for fault in faults:
        print(f"FAULT {fault}")
    if faults:
        _fail(f"{len(faults)} faults were found.")
    print("ok")


def _read_text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}.") from error


@app.command()
def locate(
    file: Annotated[Path, typer.Argument(help="The document's text.")],
    quote: Annotated[str, typer.Argument(help="The words to find.")],
) -> None:
    """Print every place of a quote in a text, as start and end in code points."""
    try:
        text = _read_text(file).decode()
    except UnicodeDecodeError as error:
        raise StartupError(f"{file} is not UTF-8: byte {error.start}.") from error
    places = locate_quote(text, quote)
    if not places:
        raise StartupError("The text does not contain these words.")
    for start, end in places:
        print(json.dumps({"start": start, "end": end, "quote": quote}, ensure_ascii=False))


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    json.dump(create_app().openapi(), sys.stdout, indent=1, sort_keys=True, ensure_ascii=False)
    print()
