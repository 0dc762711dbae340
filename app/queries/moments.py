"""Moments of the past: the change that ``as_of`` names, and which revisions were valid then."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from app.errors import InvalidRequestError
from app.models import Change, Revision
from app.queries.pages import MAX_INTEGER
from app.queries.records import Record, stamp

DELETED = "deleted"


class Moment(NamedTuple):
    """The base right after a change; ``digest`` is of all that happened until then."""

    number: int
    at: datetime
    digest: str

    @property
    def record(self) -> Record:
        return {"change": self.number, "at": stamp(self.at)}


def find_moment(session: Session, as_of: str) -> Moment:
    """The change of this number, or the last one committed by this time.

    Raises InvalidRequestError for one that is not there yet, or before the first.
    """
    columns = select(Change.number, Change.at, Change.digest)
    last = session.execute(columns.order_by(Change.number.desc()).limit(1)).first()
    if last is None:
        raise _refused("Nothing has happened here yet: there is no past to read.")
    if as_of.isdecimal():
        number = min(int(as_of), MAX_INTEGER)
        if number > last.number:
            raise _refused(f"There is no change of this number yet; the last is {last.number}.")
        found = session.execute(columns.where(Change.number == number)).first()
    else:
        at = datetime.fromisoformat(as_of).astimezone(UTC)
        if at > datetime.now(UTC):
            raise _refused(f"This time has not come yet; the last change is {last.number}.")
        by_then = columns.where(Change.at <= at).order_by(Change.number.desc()).limit(1)
        found = session.execute(by_then).first()
    if found is None:
        raise _refused("This is before the first change: there was nothing yet.")
    return Moment(found.number, found.at, found.digest)


def refused_as_of(detail: str, *, parameter: str = "as_of") -> InvalidRequestError:
    place = {"in": "query", "parameter": parameter, "code": "as_of", "detail": detail}
    return InvalidRequestError("The past cannot be read like this. " + detail, errors=[place])


def _refused(detail: str) -> InvalidRequestError:
    return refused_as_of(detail)


def valid_at(number: int) -> ColumnElement[bool]:
    """Whether a revision was the current one of its record right after a change."""
    return (
        (Revision.change <= number)
        & or_(Revision.until_change.is_(None), Revision.until_change > number)
        & (Revision.action != DELETED)
    )


def records_at(
    session: Session,
    moment: Moment,
    record_type: str,
    ids: Collection[int],
) -> dict[int, Record]:
    """The records of these ids as they stood, without those that were not there."""
    found: dict[int, Record] = {}
    numbers = sorted(ids)
    for first in range(0, len(numbers), _AT_ONCE):
        batch = numbers[first : first + _AT_ONCE]
        rows = session.execute(
            select(Revision.record_id, Revision.snapshot).where(
                Revision.record_type == record_type,
                Revision.record_id.in_(batch),
                valid_at(moment.number),
            ),
        )
        found |= dict(rows.all())
    return found


_AT_ONCE = 500


def records_naming(
    session: Session,
    moment: Moment,
    record_type: str,
    name: str,
) -> Iterator[Record]:
    """The records in which a key or id stood anywhere; where, is for the caller to see."""
    written = cast(Revision.snapshot, Text)
    yield from session.scalars(
        select(Revision.snapshot)
        .where(
            Revision.record_type == record_type,
            valid_at(moment.number),
            written.contains(f'"{name}"', autoescape=True),
        )
        .order_by(Revision.record_id)
        .execution_options(yield_per=_AT_ONCE),
    )


def records_of_condition_at(
    session: Session,
    moment: Moment,
    record_type: str,
    condition_id: int,
) -> dict[int, Record]:
    """The claims or conflicts of a condition as they stood, by id."""
    rows: Any = session.execute(
        select(Revision.record_id, Revision.snapshot)
        .where(
            Revision.condition_id == condition_id,
            Revision.record_type == record_type,
            valid_at(moment.number),
        )
        .order_by(Revision.record_id),
    )
    return dict(rows.all())
