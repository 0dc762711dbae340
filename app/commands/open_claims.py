"""A claim opened for a change: read under the lock of its condition, its next version taken."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.commands.versions import lock_condition_of, take_version
from app.commands.written import keep_written
from app.errors import NotFoundError
from app.json_parts import as_text
from app.models import Claim, WrittenClaim
from app.queries.prepared import Prepared
from app.queries.records import AnyRow, Record, claim_records, stamp

# Of tables, not of their classes: no object of the session is looked for.
_CLAIM, _WRITTEN = Claim.__table__.c, WrittenClaim.__table__.c
# What is computed of it, and when it was written, nobody asks here.
_NOT_ASKED = {"key", "conflict", "severity", "created_at", "updated_at"}
_OPENED = Prepared(
    select(*(column for column in _CLAIM if column.name not in _NOT_ASKED), _WRITTEN.body)
    .select_from(Claim.__table__)
    .outerjoin(WrittenClaim.__table__, _WRITTEN.claim_id == _CLAIM.id)
    .where(_CLAIM.id == bindparam("id")),
)


class OpenClaim(NamedTuple):
    """A claim as it was read under the lock of its condition, and that one's slug."""

    slug: str
    row: AnyRow
    record: Record


def open_claim(session: Session, claim_id: int) -> OpenClaim:
    """Lock the condition of a claim, then read it. Raises NotFoundError."""
    slug = lock_condition_of(session, claim_id)
    if slug is None:
        raise NotFoundError("There is no claim of this id.")
    row = _OPENED.first(session, {"id": claim_id})
    # Put together of its rows only if it was forgotten.
    record: Record = (
        claim_records(session, [claim_id])[claim_id] if row.body is None else json.loads(row.body)
    )
    return OpenClaim(slug, row, record)


def take_claim_version(
    session: Session, claim: OpenClaim, expected: int, columns: Mapping[str, Any]
) -> Record:
    """Make the next version of an open claim, with these of its columns; the members of its
    record that are new with each version. Raises StaleError."""
    now = take_version(session, "claim", Claim, claim.row.id, expected, columns=columns)
    return {"version": expected + 1, "updated_at": stamp(now)}


def note_claim(
    session: Session, draft: ChangeDraft, claim: OpenClaim, record: Record, action: str
) -> None:
    """Add what was done to an open claim, whose record is this one now, and write that out."""
    id_, text = claim.row.id, as_text(record)
    keep_written(session, [(id_, text)])
    condition_id = claim.row.condition_id
    draft.events.append(Event("claim", id_, record["version"], action, record, condition_id, text))
