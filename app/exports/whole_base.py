"""The whole base as JSON Lines: every change with its revisions, and what else it lives on.

Written canonically and in one order, so that equal bases give equal bytes. What can be computed
is left out; secrets are never in it.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.queries.base_tables import FORMAT, SECRETS, TABLES
from app.queries.chain import canonical
from app.queries.records import stamp

ROWS_AT_ONCE = 500


def write_base(session: Session) -> Iterator[bytes]:
    """The lines, the last one a trailer with counts and the SHA-256 of all before it.

    ``session`` reads one snapshot.
    """
    digest = hashlib.sha256()
    counts = dict.fromkeys(TABLES, 0)
    for kind, content in _lines(session):
        line = canonical({kind: content}) + b"\n"
        digest.update(line)
        if kind in counts:
            counts[kind] += 1
        yield line
    trailer = {"counts": counts, "sha256": digest.hexdigest()}
    yield canonical({"trailer": trailer}) + b"\n"


def write_base_file(session: Session, path: Path) -> int:
    """Write the file beside its place and move it there when it is whole and on disk.

    The number of lines. Raises OSError; what was at the place before is then still there.
    """
    number = 0
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for line in write_base(session):
                file.write(line)
                number += 1
            _sync(file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return number


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _lines(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = MigrationContext.configure(session.connection()).get_current_revision()
    yield "base", {"format": FORMAT, "schema": schema}
    for kind in ("account", "key", "text"):
        yield from _rows(session, kind)
    revisions = _rows(session, "revision", order=("change", "event"))
    following = next(revisions, None)
    for change in _rows(session, "change"):
        yield change
        while following is not None and following[1]["change"] == change[1]["number"]:
            yield following
            following = next(revisions, None)
    for kind in ("proposal", "seed_record", "seed_load", "import"):
        yield from _rows(session, kind)


def _rows(
    session: Session,
    kind: str,
    *,
    order: tuple[str, ...] = (),
) -> Iterator[tuple[str, dict[str, Any]]]:
    table = TABLES[kind]
    columns = [column for column in table.columns if column.name not in SECRETS.get(kind, ())]
    ordered = [table.c[name] for name in order] or list(table.primary_key.columns)
    statement: Select[*tuple[Any, ...]] = select(*columns).order_by(*ordered)
    names = [column.name for column in columns]
    for row in session.execute(statement.execution_options(yield_per=ROWS_AT_ONCE)):
        yield kind, {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.value if isinstance(value, Enum) else value
