"""One change per command: what it did to which records, numbered when it is complete."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from app.models import Change, Revision
from app.models.base import utc_now

# Any number, the same for every process: it orders commits on PostgreSQL.
CHANGE_LOCK = 4_817_002
ROWS_AT_ONCE = 500


@dataclass(slots=True)
class Event:
    record_type: str
    record_id: int
    version: int
    action: str
    snapshot: dict[str, Any]
    condition_id: int | None = None


@dataclass(slots=True)
class ChangeDraft:
    """A change in the making. Nothing of it is stored before ``finish_change``."""

    origin: str  # seed, person, import, system
    actor: str
    action: str
    reason: str
    events: list[Event] = field(default_factory=list)


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
    last = session.scalar(select(Change).order_by(Change.number.desc()).limit(1))
    number = last.number + 1 if last else 1
    session.execute(
        insert(Change),
        {
            "number": number,
            # A clock set back must not put a later change before an earlier one.
            "at": max(utc_now(), last.at) if last else utc_now(),
            "origin": draft.origin,
            "actor": draft.actor,
            "action": draft.action,
            "reason": draft.reason,
        },
    )
    _end_former_versions(session, draft.events, number)
    for events in _in_batches(draft.events):
        session.execute(
            insert(Revision),
            [
                {
                    "record_type": event.record_type,
                    "record_id": event.record_id,
                    "version": event.version,
                    "change": number,
                    "event": position,
                    "until_change": None,
                    "condition_id": event.condition_id,
                    "action": event.action,
                    "snapshot": event.snapshot,
                }
                for position, event in events
            ],
        )
    return number


def _in_batches(events: list[Event]) -> Iterator[list[tuple[int, Event]]]:
    numbered = list(enumerate(events, start=1))
    for first in range(0, len(numbered), ROWS_AT_ONCE):
        yield numbered[first : first + ROWS_AT_ONCE]


def _end_former_versions(session: Session, events: list[Event], number: int) -> None:
    changed: dict[str, list[int]] = defaultdict(list)
    for event in events:
        if event.version > 1:
            changed[event.record_type].append(event.record_id)
    for record_type, ids in changed.items():
        for first in range(0, len(ids), ROWS_AT_ONCE):
            session.execute(
                update(Revision)
                .where(
                    Revision.record_type == record_type,
                    Revision.record_id.in_(ids[first : first + ROWS_AT_ONCE]),
                    Revision.until_change.is_(None),
                )
                .values(until_change=number)
                .execution_options(synchronize_session=False),
            )
