"""One change per command: what it did to which records, numbered when it is complete."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, exists, insert, select, text, update
from sqlalchemy.orm import Session

from app.commands.counts import join_counts
from app.commands.driver_rows import DriverRows, write_driver_rows
from app.commands.parts import ROWS_AT_ONCE
from app.commands.written import forgotten_claims, keep_records, write_claims
from app.json_parts import as_text
from app.models import Change, Revision, WrittenClaim
from app.models.base import utc_now
from app.models.changes import COMMITS_CHANNEL
from app.models.written_claims import FORGOTTEN
from app.queries.chain import (
    FIRST_DIGEST,
    canonical,
    canonical_event,
    change_content,
    digest_of_written,
)
from app.queries.kinds import KINDS
from app.queries.prepared import Prepared
from app.queries.records import Record, stamp

# Any number, the same for every process: it orders commits on PostgreSQL.
CHANGE_LOCK = 4_817_002
# Claims that a change writes out beside its own: a name that many use can be changed at once.
WRITTEN_ANEW = 1_000
MOST_TOUCHED = 100
MOST_EDITED = 4
TOUCHED = "touched conditions"  # in the notes of a session
_NOTICE = text(
    "SELECT pg_notify(:channel, :number), writing.number AS written_by, ARRAY("
    "SELECT condition_id FROM touched_conditions WHERE written_by = writing.number LIMIT :most"
    ") AS touched FROM (SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)) writing (number)"
)
ItemT = TypeVar("ItemT")
REVISION_COLUMNS = (
    "record_type",
    "record_id",
    "version",
    "change",
    "event",
    "condition_id",
    "action",
    "snapshot",
)


@dataclass(slots=True)
class Event:
    """``stored``: the snapshot as text, where it was made already."""

    record_type: str
    record_id: int
    version: int
    action: str
    snapshot: dict[str, Any]
    condition_id: int | None = None
    stored: str | None = None


class TouchedBy(NamedTuple):
    """The conditions whose answers a transaction of PostgreSQL changed, and its number."""

    written_by: int
    conditions: list[int]


class WrittenEvent(NamedTuple):
    """An event with its snapshot in the two ways in which it is needed.

    ``stored`` is what the revision keeps, ``digested`` the same in canonical form.
    """

    record_type: str
    record_id: int
    version: int
    action: str
    condition_id: int | None
    stored: str
    digested: bytes


def written_event(event: Event) -> WrittenEvent:
    return WrittenEvent(
        event.record_type,
        event.record_id,
        event.version,
        event.action,
        event.condition_id,
        event.stored or as_text(event.snapshot),
        canonical(event.snapshot),
    )


class EventLog(MutableSequence[Event]):
    """The events of a change that are too many to be a list."""

    @abstractmethod
    def written(self) -> Iterator[WrittenEvent]:
        """All events in their order; they are walked over more than once."""


@dataclass(slots=True)
class ChangeDraft:
    """A change in the making. Nothing of it is stored before ``finish_change``.

    ``events`` is a list, or an EventLog.
    """

    origin: str  # seed, person, import, system
    actor: str
    action: str
    reason: str
    key_id: str | None = None
    events: MutableSequence[Event] = field(default_factory=list)


def finish_change(session: Session, draft: ChangeDraft) -> int | None:
    """Store the change and its revisions; its number, or None where nothing happened.

    The number is taken last, under one lock that is held until the commit, so that
    numbers have no gaps and become visible in their order.
    """
    if not draft.events:
        return None
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHANGE_LOCK})
    last = _LAST.first(session)
    number = last.number + 1 if last else 1
    # A clock set back must not put a later change before an earlier one.
    at = max(utc_now(), last.at) if last else utc_now()
    content = change_content(
        number=number,
        at=stamp(at),
        origin=draft.origin,
        actor=draft.actor,
        key_id=draft.key_id,
        action=draft.action,
        reason=draft.reason,
    )
    written = _all_written(draft)
    former = last.digest if last else FIRST_DIGEST
    digest = digest_of_written(former, content, _canonical(written()))
    _ADD_CHANGE.run(session, content | {"at": at, "digest": digest})
    _end_former_versions(session, written(), number)
    revisions = DriverRows.of(session, Revision, REVISION_COLUMNS)
    for batch in _batches(enumerate(written(), start=1)):
        rows = [
            (e.record_type, e.record_id, e.version, number, n, e.condition_id, e.action, e.stored)
            for n, e in batch
        ]
        write_driver_rows(session, revisions.statement, rows)
    if last is None or last.is_any_forgotten:
        write_claims(session, forgotten_claims(session, at_most=WRITTEN_ANEW))
    join_counts(session, number, len(draft.events))
    if session.get_bind().dialect.name == "postgresql":
        notice = {"channel": COMMITS_CHANNEL, "number": str(number), "most": MOST_TOUCHED}
        # Nothing behind it in this transaction may touch a condition: it would not be noted.
        found = session.execute(_NOTICE, notice).one()
        session.info.pop(TOUCHED, None)
        if len(found.touched) < MOST_TOUCHED:
            session.info[TOUCHED] = TouchedBy(found.written_by, found.touched)
    return number


def touched_conditions(session: Session) -> TouchedBy | None:
    """What the finished change touched; None where that is not known."""
    return session.info.get(TOUCHED)


def edited_conditions(draft: ChangeDraft) -> list[int]:
    """The conditions of the records that the change is about, where they are few."""
    if isinstance(draft.events, EventLog):
        return []
    found = {id_ for event in draft.events if (id_ := event.condition_id) is not None}
    return sorted(found) if len(found) <= MOST_EDITED else []


def _all_written(draft: ChangeDraft) -> Callable[[], Iterator[WrittenEvent]]:
    """What walks over the events, each written once however often it is called."""
    if isinstance(draft.events, EventLog):
        return draft.events.written
    events = [written_event(event) for event in draft.events]
    return events.__iter__


def _canonical(events: Iterable[WrittenEvent]) -> Iterator[bytes]:
    for number, event in enumerate(events, start=1):
        yield canonical_event(
            event=number,
            record_type=event.record_type,
            record_id=event.record_id,
            version=event.version,
            condition_id=event.condition_id,
            action=event.action,
            snapshot=event.digested,
        )


def _batches(items: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    walk = iter(items)
    while batch := list(islice(walk, ROWS_AT_ONCE)):
        yield batch


# Of tables, not of their classes: no object of the session is looked for.
_CHANGES: Any = Change.__table__
# With it, whether there are claims to be written anew: nothing below makes any.
_LAST = Prepared(
    select(
        _CHANGES.c.number,
        _CHANGES.c.at,
        _CHANGES.c.digest,
        exists(select(WrittenClaim.__table__.c.claim_id).where(FORGOTTEN)).label(
            "is_any_forgotten"
        ),
    )
    .order_by(_CHANGES.c.number.desc())
    .limit(1),
)
_ADD_CHANGE = Prepared(insert(_CHANGES))
_REVISIONS: Any = Revision.__table__
_END_FORMER = Prepared(
    update(_REVISIONS)
    .where(
        _REVISIONS.c.record_type == bindparam("type"),
        _REVISIONS.c.record_id == bindparam("record"),
        _REVISIONS.c.version == bindparam("former"),
    )
    .values(until_change=bindparam("end")),
)


def _end_former_versions(
    session: Session,
    events: Iterable[WrittenEvent],
    number: int,
) -> None:
    """By its version: among the many of a record the open one would have to be looked for."""
    for batch in _batches(event for event in events if event.version > 1):
        ended = [
            {"type": e.record_type, "record": e.record_id, "former": e.version - 1, "end": number}
            for e in batch
        ]
        _END_FORMER.run_each(session, ended)


def note_event(
    session: Session,
    draft: ChangeDraft,
    record_type: str,
    row: Any,
    action: str,
) -> Record:
    """Add what was done to ``row``, whose version is the new one; the snapshot.

    That of a claim is written out: if the change goes on to alter it, it is forgotten again.
    """
    session.flush()
    snapshot = KINDS[record_type].records(session, [row.id])[row.id]
    if record_type == "claim":
        keep_records(session, {row.id: snapshot})
    condition_id = row.id if record_type == "condition" else getattr(row, "condition_id", None)
    draft.events.append(Event(record_type, row.id, row.version, action, snapshot, condition_id))
    return snapshot
