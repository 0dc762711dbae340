"""A whole base from its export, with every number, time and digest as it was."""

import hashlib
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from alembic.runtime.migration import MigrationContext
from sqlalchemy import DateTime, Table, func, insert, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from app.commands.search import index_claims
from app.commands.written import write_claims
from app.errors import BaseFileError
from app.models import Change, Claim, Model
from app.queries.base_tables import FORMAT, SECRETS, TABLES, counted
from app.queries.rebuild import RECORD_TYPES, insert_rows, link_rows, read_stamp

ROWS_AT_ONCE = 500
BEFORE_RECORDS = ("account", "key", "text", "change")
AFTER_RECORDS = ("revision", "proposal", "seed_record", "seed_load", "import")
Row = dict[str, Any]


def preserve_base(session: Session, file: BinaryIO) -> Counter[str]:
    """Make the base that the file is the export of; how many lines of each kind there were.

    Raises BaseFileError unless the file is whole and unaltered, and the base empty.
    """
    _refuse_used_base(session)
    with closing(_Latest()) as latest:
        counts = _verify(file, _schema(session), latest)
        _insert(session, file, BEFORE_RECORDS)
        for record_type in RECORD_TYPES:
            for records in latest.records(record_type):
                insert_rows(session, record_type, records)
            for records in latest.records(record_type):
                link_rows(session, record_type, records)
                session.expunge_all()
        _insert(session, file, AFTER_RECORDS)
    _index(session)
    if session.get_bind().dialect.name == "postgresql":
        _move_sequences(session)
    return counts


def _refuse_used_base(session: Session) -> None:
    if session.scalar(select(func.count()).select_from(Change)):
        raise BaseFileError("The base is not empty: a whole base is imported into a new one only.")


def _schema(session: Session) -> str | None:
    return MigrationContext.configure(session.connection()).get_current_revision()


class _Latest:
    """The last revision of each record, on disk, by type and in the order of ids."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="claimbase-preserve-")
        self._db = sqlite3.connect(Path(self._folder.name) / "latest.db", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE latest (type TEXT, id INTEGER, snapshot TEXT, PRIMARY KEY (type, id));"
            "BEGIN",
        )

    def close(self) -> None:
        self._db.close()
        self._folder.cleanup()

    def add(self, revision: Row) -> None:
        if revision["until_change"] is None and revision["action"] != "deleted":
            written = json.dumps(revision["snapshot"])
            row = (revision["record_type"], revision["record_id"], written)
            self._db.execute("INSERT INTO latest VALUES (?, ?, ?)", row)

    def records(self, record_type: str) -> Iterator[list[Row]]:
        last = 0
        statement = "SELECT id, snapshot FROM latest WHERE type = ? AND id > ? ORDER BY id LIMIT ?"
        while rows := self._db.execute(statement, (record_type, last, ROWS_AT_ONCE)).fetchall():
            yield [{"id": id_, **json.loads(snapshot)} for id_, snapshot in rows]
            last = rows[-1][0]


def _verify(file: BinaryIO, schema: str | None, latest: _Latest) -> Counter[str]:
    """Read all of the file once, before anything is written."""
    digest = hashlib.sha256()
    counts = Counter[str]()
    trailer: Row | None = None
    for number, (line, kind, content) in enumerate(_lines(file), start=1):
        if trailer is not None:
            raise BaseFileError(f"Line {number} stands behind the trailer.")
        if number == 1:
            _check_header(kind, content, schema)
        if kind == "trailer":
            trailer = content
            continue
        digest.update(line)
        counts[kind] += 1
        if kind == "revision":
            latest.add(content)
    if trailer is None:
        raise BaseFileError("The file is cut off: it has no trailer.")
    if trailer != {"counts": counted(counts), "sha256": digest.hexdigest()}:
        raise BaseFileError("The file was altered: its trailer does not fit the lines before it.")
    return counts


def _check_header(kind: str, content: Row, schema: str | None) -> None:
    if kind != "base" or content.get("format") != FORMAT:
        raise BaseFileError(f"The file is not an export of a whole base ({FORMAT}).")
    if content.get("schema") != schema:
        raise BaseFileError(
            f"The file was written with the schema {content.get('schema')}, this release has "
            f"{schema}: import it with the release that wrote it, and migrate then.",
        )


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, str, Row]]:
    file.seek(0)
    for number, line in enumerate(file, start=1):
        try:
            [(kind, content)] = json.loads(line).items()
        except (ValueError, AttributeError, TypeError) as error:
            raise BaseFileError(f"Line {number} is not one of an export.") from error
        if not isinstance(content, dict) or kind not in {*TABLES, "base", "trailer"}:
            raise BaseFileError(f"Line {number} is not one of an export.")
        yield line, kind, content


def _insert(session: Session, file: BinaryIO, kinds: tuple[str, ...]) -> None:
    waiting: dict[str, list[Row]] = {kind: [] for kind in kinds}
    for _, kind, content in _lines(file):
        if kind not in waiting:
            continue
        table = TABLES[kind]
        waiting[kind].append(_row(table, content) | dict.fromkeys(SECRETS.get(kind, ()), ""))
        if len(waiting[kind]) == ROWS_AT_ONCE:
            _flush(session, waiting, kinds)
    _flush(session, waiting, kinds)


def _flush(session: Session, waiting: dict[str, list[Row]], kinds: tuple[str, ...]) -> None:
    """Those of all kinds, in their order, because the later ones refer to the earlier."""
    for kind in kinds:
        if waiting[kind]:
            session.execute(insert(TABLES[kind]), waiting[kind])
            waiting[kind].clear()


def _row(table: Table, content: Row) -> Row:
    return {
        name: read_stamp(value) if value is not None and _is_time(table, name) else value
        for name, value in content.items()
    }


def _is_time(table: Table, name: str) -> bool:
    kind = table.c[name].type
    return isinstance(kind.impl if isinstance(kind, TypeDecorator) else kind, DateTime)


def _index(session: Session) -> None:
    last = 0
    following = select(Claim.id).order_by(Claim.id).limit(ROWS_AT_ONCE)
    while ids := session.scalars(following.where(Claim.id > last)).all():
        index_claims(session, ids)
        write_claims(session, ids)
        last = ids[-1]


def _move_sequences(session: Session) -> None:
    """The next row of each table gets an id that no row has."""
    for table in Model.metadata.sorted_tables:
        if "id" not in table.columns:
            continue
        highest = session.scalar(select(func.max(table.c.id)))
        if highest is not None:
            session.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"),
                {"name": table.name, "highest": highest},
            )
