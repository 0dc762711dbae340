"""The versions of one record, the newest first, each with what it changed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id
from app.models import Concept, Revision
from app.queries.accounts import Actor
from app.queries.counts import Total
from app.queries.differences import differences
from app.queries.pages import Order, Page, PageAt, list_fingerprint, read_cursor, write_cursor
from app.queries.records import AnyRow, Record, stamp
from app.queries.visible import record_for, visible_revisions, who

PREFIXES = {"claim": Prefix.claim, "conflict": Prefix.conflict, "document": Prefix.document}
NEWEST_FIRST = (Order(Revision.version, int, descending=True),)


class Versioned(NamedTuple):
    """A record whose versions are asked for."""

    record_type: str
    id: int

    @property
    def clauses(self) -> list[ColumnElement[bool]]:
        return [Revision.record_type == self.record_type, Revision.record_id == self.id]


def named_record(record_type: str, text: str) -> Versioned:
    """The record called ``CLM42``. Raises NotFoundError."""
    parsed = parse_id(PREFIXES[record_type], text)
    if parsed is None or parsed[1] is not None:
        raise _not_found(record_type)
    return Versioned(record_type, parsed[0])


def named_concept(session: Session, key: str) -> Versioned:
    """The concept of this key. Raises NotFoundError."""
    known = select(Concept.id).where(Concept.key == key)
    id_ = None if "\x00" in key else session.scalar(known)
    if id_ is None:
        raise _not_found("concept")
    return Versioned("concept", id_)


def list_revisions(
    session: Session,
    record: Versioned,
    at: PageAt,
    reader: Actor | None,
) -> Page:
    """A page of the versions that the reader may see.

    Raises NotFoundError where there is none of them.
    """
    visible = visible_revisions(reader).where(*record.clauses)
    total = session.execute(select(func.count()).select_from(visible.subquery())).scalar_one()
    if not total:
        raise _not_found(record.record_type)
    fingerprint = list_fingerprint(f"/{record.record_type}/{record.id}/revisions", {})
    if at.cursor is not None:
        [last] = read_cursor(fingerprint, at.cursor, NEWEST_FIRST)
        visible = visible.where(Revision.version < last)
    newest_first = visible.order_by(Revision.version.desc())
    # One more tells whether there is a next page, and what the last one differs from.
    rows = session.execute(newest_first.limit(at.limit + 1)).all()
    shown, more = rows[: at.limit], len(rows) > at.limit
    data = [
        _revision(row, _before(session, record, rows[place + 1 :], row, reader), reader)
        for place, row in enumerate(shown)
    ]
    cursor = write_cursor(fingerprint, [shown[-1].version]) if more else None
    return Page(data, at.limit, cursor, Total(total, is_exact=True), {})


def _before(
    session: Session,
    record: Versioned,
    earlier: Sequence[AnyRow],
    row: AnyRow,
    reader: Actor | None,
) -> Record | None:
    """The last record before this version that the reader may see."""
    for former in earlier:
        found = record_for(former, reader)
        if found is not None:
            return found
    if row.version == 1:
        return None
    oldest = earlier[-1].version if earlier else row.version
    following = (
        visible_revisions(reader)
        .where(*record.clauses, Revision.version < oldest)
        .order_by(Revision.version.desc())
        .limit(_FORMER)
    )
    candidates = (record_for(former, reader) for former in session.execute(following))
    return next((found for found in candidates if found is not None), None)


_FORMER = 2  # a withdrawal stands right behind what was withdrawn


def _revision(row: AnyRow, before: Record | None, reader: Actor | None) -> dict[str, Any]:
    after = record_for(row, reader)
    return {
        "id": f"{row.snapshot['id']}.{row.version}",
        "version": row.version,
        "change": row.change,
        "at": stamp(row.at),
        "action": row.action,
        "reason": row.reason,
        **who(row, reader),
        "changes": differences(before, after) if before and after else [],
        "record": after,
    }


def _not_found(record_type: str) -> NotFoundError:
    return NotFoundError(f"There is no {record_type} of this name.")
