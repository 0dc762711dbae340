"""Edits that cannot collide: conditions locked first, versions compared in the database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.errors import StaleError
from app.models import Claim, Condition, Model, Revision
from app.models.base import utc_now
from app.queries.kinds import KINDS
from app.queries.prepared import Prepared
from app.queries.records import Record

NOTHING: Mapping[str, Any] = {}
# Never a reason by themselves to call a record different.
OF_THE_VERSION = {"version", "updated_at"}


def lock_conditions(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Lock conditions in the order of their ids, before anything of them is read; their slugs.

    Two editors of one condition then wait for each other, and each sees what the other did.
    """
    return dict(session.execute(_LOCKED, {"ids": list(ids)}).all())


def lock_condition_of(session: Session, claim_id: int) -> str | None:
    """Lock the condition of a claim; its slug, None if there is no such claim."""
    row = _LOCKED_OF_CLAIM.first(session, {"claim": claim_id})
    return None if row is None else row.slug


_CONDITION = Condition.__table__.c
_LOCKED = (
    select(_CONDITION.id, _CONDITION.slug)
    .where(_CONDITION.id.in_(bindparam("ids", expanding=True)))
    .order_by(_CONDITION.id)
    .with_for_update()
)
_LOCKED_OF_CLAIM = Prepared(
    select(_CONDITION.slug)
    .join_from(Condition.__table__, Claim.__table__)
    .where(Claim.__table__.c.id == bindparam("claim"))
    .with_for_update(of=Condition.__table__),
)


def take_version(
    session: Session,
    record_type: str,
    model: type[Model],
    record_id: int,
    expected: int,
    *,
    columns: Mapping[str, Any] = NOTHING,
) -> datetime:
    """Make the next version of a record, if ``expected`` is its current one; its time.

    With ``columns`` they are written by the same statement.

    The database compares: of two editors exactly one gets a row. What the session holds of
    the record is stale afterwards and has to be read again (``populate_existing``).
    Raises StaleError with the current record and the fields that differ.
    """
    now = utc_now()
    asked = {"record": record_id, "expected": expected, "now": now, **columns}
    if _next_version(model).run(session, asked) == 0:
        raise stale(session, record_type, record_id, expected)
    return now


@cache
def _next_version(model: type[Model]) -> Prepared:
    table: Any = model.__table__
    return Prepared(
        update(table)
        .where(table.c.id == bindparam("record"), table.c.version == bindparam("expected"))
        .values(version=table.c.version + 1, updated_at=bindparam("now")),
    )


def stale(session: Session, record_type: str, record_id: int, expected: int) -> StaleError:
    """The refusal of an edit of an old version, with all that is needed to make it again."""
    current = KINDS[record_type].records(session, [record_id])[record_id]
    former = session.scalar(
        select(Revision.snapshot).where(
            Revision.record_type == record_type,
            Revision.record_id == record_id,
            Revision.version == expected,
        ),
    )
    version = f"{current.get('id', record_type)}.{current['version']}"
    return StaleError(
        f"The record is at version {current['version']} by now; "
        f"the change was made from version {expected}. Nothing was changed.",
        headers={"ETag": f'"{version}"'},
        current_version=current["version"],
        current=current,
        differing=differing_fields(former, current) if former else None,
    )


def differing_fields(former: Record, current: Record) -> Sequence[str]:
    names = former.keys() | current.keys()
    return sorted(n for n in names - OF_THE_VERSION if former.get(n) != current.get(n))
