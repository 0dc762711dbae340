"""A bulk import from its first line to its commit.

Reading and checking hold no lock, and memory does not grow with the lines; only the last step
is one writing transaction. Where somebody changes meanwhile what the lines refer to, they are
checked again.
"""

import errno
import gc
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.import_events import EventSpool, Spool
from app.commands.import_ids import NewIds
from app.commands.import_plan import Plan, plan_lines
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
# Ids left free for those who write meanwhile, where somebody did.
GAP = 1_000
BEFORE_THE_LOCK = {"reading", "checking", "comparing"}
REST = 0.5  # of the time that was worked
TURN = 0.0005  # seconds
COLLECTED = 50_000  # objects more than before, at which Python looks which are in use


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


class InTurns:
    """Lets others of this process work while an import does: they wait for each other.

    Given as ``tell``, it rests for a while after what is done before the lock, never under it.
    As a context it makes the turns short, after which Python hands over: with its own 5 ms
    an answer takes many of them.
    """

    _lock = threading.Lock()
    _running = 0
    _usual = sys.getswitchinterval()

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __enter__(self) -> Self:
        with InTurns._lock:
            InTurns._running += 1
            sys.setswitchinterval(TURN)
        return self

    def __exit__(self, *_error: object) -> None:
        with InTurns._lock:
            InTurns._running -= 1
            if not InTurns._running:
                sys.setswitchinterval(InTurns._usual)

    def __call__(self, stage: str, _done: int) -> None:
        if stage in BEFORE_THE_LOCK:
            time.sleep(REST * (time.perf_counter() - self._last))
        self._last = time.perf_counter()


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


def look_less_for_garbage() -> None:
    """For a process whose work holds few circles, as lines and answers do: what is loaded stays."""
    gc.freeze()
    gc.set_threshold(COLLECTED)


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
    with enough_disk(), closing(Staging()) as staging, closing(Spool()) as spool:
        started = time.perf_counter()
        read_lines(file, staging, vocabulary, importer.tell)
        for attempt in range(ATTEMPTS):
            spool.clear()
            with sessions.read() as session:
                plan = Plan(staging, NewIds(session, sessions.write, GAP * attempt), spool)
                plan_lines(
                    session,
                    plan,
                    vocabulary,
                    importer.tell,
                    four_eyes=importer.four_eyes,
                )
            refuse_faults(staging.faults)
            validated = time.perf_counter() - started
            try:
                return _apply(sessions, plan, vocabulary, importer, validated)
            except (MovedError, IntegrityError):
                continue
    raise UnavailableError(
        "Records that the lines refer to were changed while they were checked. Try again.",
        headers={"Retry-After": "1"},
    )


def _apply(
    sessions: Sessions,
    plan: Plan,
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
            f"Imported {plan.staging.lines} lines.",
            importer.key_id,
            events,
        )
        applied = apply_lines(session, draft, plan, vocabulary, importer.tell)
        report = applied.counts | {
            "change": None if importer.dry_run else applied.change,
            "dry_run": importer.dry_run,
            "seconds_validating": round(validated, 3),
            "seconds_locked": round(time.perf_counter() - locked, 3),
        }
        row = record_import(
            session,
            account=importer.actor,
            digest=plan.staging.digest,
            report=report,
            change=applied.change,
        )
        record = import_record(row)
        if importer.dry_run:
            transaction.rollback()
            return record | {"id": None}
        importer.remember(session, record)
    return record
