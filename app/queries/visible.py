"""Which revisions who may see: the one rule of the change feed and of every list of versions."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import aliased

from app.models import Change, Revision
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.moments import DELETED
from app.queries.records import AnyRow, Record
from app.vocabulary import ClaimStatus

PUBLIC_TYPES = ("claim", "concept", "condition", "conflict", "document", "vocabulary")
TYPES_BY_ROLE = {
    Role.contributor: PUBLIC_TYPES,
    Role.curator: (*PUBLIC_TYPES, "proposal"),
    Role.admin: (*PUBLIC_TYPES, "proposal", "account", "key"),
}
Former = aliased(Revision, name="former")


def visible_revisions(reader: Actor | None) -> Select[*tuple[Any, ...]]:
    """Revisions with their changes, as far as the reader may see them; None is anybody.

    Of a claim anybody sees the versions that were published, and that it was withdrawn.
    """
    status = Revision.snapshot["status"].as_string()
    former_status = Former.snapshot["status"].as_string()
    statement = (
        select(
            *Revision.__table__.columns,
            Change.at,
            Change.origin,
            Change.actor,
            Change.key_id,
            Change.reason,
            former_status.label("former_status"),
        )
        .join(Change, Change.number == Revision.change)
        .outerjoin(
            Former,
            and_(
                Revision.record_type == "claim",
                Former.record_type == "claim",
                Former.record_id == Revision.record_id,
                Former.version == Revision.version - 1,
            ),
        )
    )
    if reader is not None:
        return statement.where(Revision.record_type.in_(TYPES_BY_ROLE[reader.role]))
    return statement.where(
        Revision.record_type.in_(PUBLIC_TYPES),
        _is_public(status, former_status),
    )


def _is_public(status: Any, former_status: Any) -> ColumnElement[bool]:
    published = ClaimStatus.published.value
    return or_(
        Revision.record_type != "claim",
        status == published,
        former_status == published,
    )


def record_for(row: AnyRow, reader: Actor | None) -> Record | None:
    """The record of a visible revision; None where all that is to be seen is that it went."""
    snapshot: Record = row.snapshot
    if row.action == DELETED:
        return None
    is_public = row.record_type != "claim" or snapshot["status"] == ClaimStatus.published
    return snapshot if is_public or reader is not None else None


def who(row: AnyRow, reader: Actor | None) -> Record:
    """Who made a change is for readers with a key."""
    if reader is None:
        return {"actor": None, "key_id": None}
    return {"actor": row.actor, "key_id": row.key_id}
