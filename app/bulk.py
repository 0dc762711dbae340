"""A bulk import from its first line to its commit.

Reading and checking hold no lock, and memory does not grow with the lines; only the last step
is one writing transaction. Where somebody changes meanwhile what the lines refer to, they are
checked again.
"""

import errno
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.import_checks import check_lines
from app.commands.import_events import EventSpool
from app.commands.import_reading import read_lines
from app.commands.import_records import MovedError
from app.commands.import_staging import Staging
from app.commands.imports import apply_lines, record_import, refuse_faults
from app.db import Sessions
from app.errors import StorageFullError, UnavailableError
from app.queries.imports import import_record
from app.vocabulary import Vocabulary

Tell = Callable[[str, int], None]
Record = dict[str, Any]
ATTEMPTS = 3


@dataclass(slots=True)
class Importer:
    """Who imports, and how. With ``four_eyes`` nothing is published: that takes another person.

    ``tell`` is told a stage and how far it is.
    ``remember`` is called with the record in the transaction of the import, before it commits.
    """

    actor: str
    key_id: str | None = None
    dry_run: bool = False
    four_eyes: bool = False
    tell: Tell = lambda _stage, _done: None
    remember: Callable[[Session, Record], None] = lambda _session, _record: None


@contextmanager
def enough_disk() -> Iterator[None]:
    """Raise StorageFullError where the temporary folder is full."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        if is_full or "disk is full" in str(error):
            raise StorageFullError("The temporary folder is full. Nothing was changed.") from error
        raise


def run_import(
    sessions: Sessions,
    file: BinaryIO,
    vocabulary: Vocabulary,
    importer: Importer,
) -> Record:
    """Import all lines of the file, or none; the record of the import with its report.

    Raises ImportRefusedError with every fault, and UnavailableError where the base changed
    again and again while the lines were checked.
    """
    with enough_disk(), closing(Staging()) as staging:
        started = time.perf_counter()
        read_lines(file, staging, vocabulary, importer.tell)
        for _ in range(ATTEMPTS):
            with sessions.read() as session:
                check_lines(session, staging, importer.tell, four_eyes=importer.four_eyes)
            refuse_faults(staging.faults)
            validated = time.perf_counter() - started
            try:
                return _apply(sessions, staging, vocabulary, importer, validated)
            except (MovedError, IntegrityError):
                continue
    raise UnavailableError(
        "Records that the lines refer to were changed while they were checked. Try again.",
        headers={"Retry-After": "1"},
    )


def _apply(
    sessions: Sessions,
    staging: Staging,
    vocabulary: Vocabulary,
    importer: Importer,
    validated: float,
) -> Record:
    with (
        closing(EventSpool()) as events,
        sessions.write() as session,
        session.begin() as transaction,
    ):
        session.connection()  # on SQLite this waits for the lock
        locked = time.perf_counter()
        draft = ChangeDraft(
            "import",
            importer.actor,
            "import",
            f"Imported {staging.lines} lines.",
            importer.key_id,
            events,
        )
        applied = apply_lines(session, draft, staging, vocabulary, importer.tell)
        report = applied.counts | {
            "change": None if importer.dry_run else applied.change,
            "dry_run": importer.dry_run,
            "seconds_validating": round(validated, 3),
            "seconds_locked": round(time.perf_counter() - locked, 3),
        }
        row = record_import(
            session,
            account=importer.actor,
            digest=staging.digest,
            report=report,
            change=applied.change,
        )
        record = import_record(row)
        if importer.dry_run:
            transaction.rollback()
            return record | {"id": None}
        importer.remember(session, record)
    return record
