"""Everything that happened, in the order of its commits, as far as who asks may see it."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Change, Revision
from app.queries.accounts import Actor
from app.queries.records import AnyRow, Record, stamp
from app.queries.visible import record_for, visible_revisions, who

ROWS_AT_ONCE = 200


def last_number(session: Session) -> int:
    return session.scalar(select(func.max(Change.number))) or 0


def changes_after(session: Session, number: int, limit: int) -> Sequence[AnyRow]:
    """The changes that follow, without their events."""
    return session.execute(
        select(*Change.__table__.columns)
        .where(Change.number > number)
        .order_by(Change.number)
        .limit(limit),
    ).all()


def change_head(change: AnyRow, reader: Actor | None, *, is_visible: bool) -> Record:
    """What a change says itself; one without visible events says only that it was."""
    says_why = is_visible or reader is not None
    return {
        "number": change.number,
        "at": stamp(change.at),
        "origin": change.origin,
        "action": change.action if says_why else None,
        "reason": change.reason if says_why else None,
        **who(change, reader),
    }


def visible_events(session: Session, number: int, reader: Actor | None) -> Iterator[Record]:
    """What a change did, a part at a time: one change can be of very many records."""
    rows = session.execute(
        visible_revisions(reader)
        .where(Revision.change == number)
        .order_by(Revision.event)
        .execution_options(yield_per=ROWS_AT_ONCE),
    )
    for row in rows:
        yield {
            "id": f"{number}.{row.event}",
            "record_type": row.record_type,
            "record_id": _name(row),
            "version": row.version,
            "action": row.action,
            "record": record_for(row, reader),
        }


def _name(row: AnyRow) -> str:
    """What the record is called: by its id, an account by its name, a key by its own."""
    snapshot: Record = row.snapshot
    named = (snapshot.get(part) for part in ("id", "key_id", "name"))
    return next((str(name) for name in named if name is not None), str(row.record_type))
