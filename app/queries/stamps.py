"""How a condition stands: numbers that change with all that answers about it are made of.

PostgreSQL has none: there ``app.freshness`` learns which conditions were changed.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.models import ConditionStamp, Conflict
from app.models.condition_stamps import EVERYTHING_ELSE
from app.queries.prepared import Prepared

# What the scope of a request calls the slug of the one condition that its answer is about.
OF_CONDITION = "claimbase.condition"
_STAMPS = ConditionStamp.__table__.c
_OF_CONDITION = Prepared(
    select(_STAMPS.condition_id, _STAMPS.stamp).where(
        _STAMPS.condition_id.in_((EVERYTHING_ELSE, bindparam("condition"))),
    ),
)


class About(NamedTuple):
    """What an answer was made of: one condition, and its stamps of the same snapshot."""

    condition_id: int
    stamps: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, condition_id: int, rows: Iterable[tuple[int, int]]) -> "About":
        """Of the rows of the condition and of everything else; there may be none."""
        return cls(condition_id, frozenset((row[0], row[1]) for row in rows))


_OF_CONFLICT = select(Conflict.__table__.c.condition_id).where(
    Conflict.__table__.c.id == bindparam("id"),
)


def about_condition(session: Session, condition_id: int) -> About:
    if session.get_bind().dialect.name == "postgresql":
        return About(condition_id, frozenset())
    rows = _OF_CONDITION.all(session, {"condition": condition_id})
    return About.of(condition_id, [(row[0], row[1]) for row in rows])


def condition_of_conflict(session: Session, number: int) -> int:
    """Of one that is there."""
    found: int = session.execute(_OF_CONFLICT, {"id": number}).scalar_one()
    return found
