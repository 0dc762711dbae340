"""How many claims fit: from counters, by counting up to a bound, or, if asked, all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from app.models import Claim, ClaimCount
from app.queries.prepared import Prepared
from app.queries.view import EVERYTHING, View, visible_claims
from app.vocabulary import Severity

# Beyond it nothing is counted or ranked that no counter has; answers say so.
CAP = 10_000
# What the counters tell apart; a flag follows from the severity.
DIMENSIONS = ("type", "question", "polarity", "severity", "conflict")
# What does not choose claims.
NO_FILTERS = {
    "count",
    "cursor",
    "facet",
    "fields",
    "include",
    "format",
    "group_by",
    "limit",
    "sort",
    "concept_narrower",
}


class Total(NamedTuple):
    """``number`` is None where nothing was counted, and a lower bound where it is not exact."""

    number: int | None
    is_exact: bool


UNCOUNTED = Total(None, is_exact=False)


def count_up_to(
    session: Session, id_column: Any, clauses: Sequence[ColumnElement[bool]], cap: int | None
) -> Total:
    """Rows that fit; at ``cap`` the counting ends."""
    rows: Select[*tuple[Any, ...]] = (
        select(literal_column("1")).select_from(id_column.table).where(*clauses)
    )
    if cap is not None:
        rows = rows.limit(cap + 1)
    number = session.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    return Total(number, is_exact=True) if cap is None or number <= cap else Total(cap, False)


def count_claims(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    clauses: Sequence[ColumnElement[bool]],
) -> Total:
    """The total of a list of claims, in the precision that was asked for."""
    precision = asked.get("count", "capped")
    if precision == "none":
        return UNCOUNTED
    counted = sum_of_counts(session, asked, view)
    if counted is not None:
        return Total(counted, is_exact=True)
    return count_up_to(session, Claim.id, clauses, None if precision == "exact" else CAP)


_KNOWN = {*DIMENSIONS, *(f"{name}__not" for name in DIMENSIONS)}
_SEVERITIES = [(own, own.is_conflict) for own in Severity]
_COUNTS = ClaimCount.__table__.c
_SUM = func.sum(_COUNTS.number).label("number")


def _counted_filters(asked: Mapping[str, Any], view: View) -> dict[str, Any] | None:
    """The filters that were asked for, where the counters can tell what fits them."""
    if view.excludes or not are_counted(asked):
        return None
    return {name: wanted for name, wanted in asked.items() if name not in NO_FILTERS}


def are_counted(asked: Iterable[str], facets: Iterable[str] = ()) -> bool:
    """Whether the counters tell these facets of the present, told by what is asked for."""
    return set(asked) - NO_FILTERS <= _KNOWN and set(facets) <= set(DIMENSIONS)


def sum_of_counts(session: Session, asked: Mapping[str, Any], view: View) -> int | None:
    """How many claims fit, from the counters; None where they do not tell, or none fits."""
    filters = _counted_filters(asked, view)
    if filters is None:
        return None
    values = _counted_values(filters)
    [row] = _sums(tuple(values), None).all(session, values)
    return int(row.number) if row.number else None


def counts_of(
    session: Session, asked: Mapping[str, Any], view: View, dimension: str
) -> dict[Any, int] | None:
    """Claims that fit without the filters of one dimension, by its values, from the counters;
    None where they do not tell, or none fits."""
    filters = _counted_filters(asked, view)
    if filters is None:
        return None
    own = {dimension, f"{dimension}__not"}
    values = _counted_values({name: own_ for name, own_ in filters.items() if name not in own})
    kept = "severity" if dimension == "conflict" else dimension
    found = Counter[Any]()
    for value, number in _sums(tuple(values), kept).all(session, values):
        if number:
            found[Severity(value).is_conflict if dimension == "conflict" else value] += int(number)
    return found or None


def _counted_values(filters: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the filters are compared with; a flag with the severities that have it."""
    return {
        name: [own for own, is_conflict in _SEVERITIES if is_conflict in _listed(wanted)]
        if name.startswith("conflict")
        else list(_listed(wanted))
        for name, wanted in filters.items()
        if wanted not in (None, [])
    }


@lru_cache(maxsize=1_000)  # more than there are
def _sums(names: tuple[str, ...], dimension: str | None) -> Prepared:
    """The counters that fit filters of these names, added up, by the values of a dimension."""
    statement: Select[*tuple[Any, ...]] = select(_SUM)
    if dimension is not None:
        value = type_coerce(_COUNTS[dimension], String).label("value")
        statement = select(value, _SUM).group_by(_COUNTS[dimension])
    for name in names:
        filtered, is_not, _ = name.partition("__not")
        column = _COUNTS["severity" if filtered == "conflict" else filtered]
        clause = column.in_(bindparam(name, type_=column.type, expanding=True))
        statement = statement.where(~clause if is_not else clause)
    return Prepared(statement)


def find_counts(
    session: Session, asked: Mapping[str, Any], view: View
) -> Counter[tuple[Any, ...]] | None:
    """Claims that fit by their ``DIMENSIONS``, from the counters; None where they do not tell."""
    filters = _counted_filters(asked, view)
    if filters is None:
        return None
    rows = session.execute(
        select(
            ClaimCount.type,
            ClaimCount.question,
            ClaimCount.polarity,
            ClaimCount.severity,
            func.sum(ClaimCount.number),
        ).group_by(ClaimCount.type, ClaimCount.question, ClaimCount.polarity, ClaimCount.severity),
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for type_, question, polarity, severity, number in rows:
        values = (type_, question, polarity, severity, severity.is_conflict)
        if number and _fits(values, filters):
            found[values] += int(number)
    return found or None


def _fits(values: Sequence[Any], filters: Mapping[str, Any]) -> bool:
    for name, value in zip(DIMENSIONS, values, strict=True):
        wanted, unwanted = filters.get(name), filters.get(f"{name}__not")
        if wanted not in (None, []) and value not in _listed(wanted):
            return False
        if unwanted and value in _listed(unwanted):
            return False
    return True


def by_dimensions(
    counts: Counter[tuple[Any, ...]], names: Sequence[str]
) -> Counter[tuple[Any, ...]]:
    """The counts added up by some of the dimensions."""
    places = [DIMENSIONS.index(name) for name in names]
    found: Counter[tuple[Any, ...]] = Counter()
    for values, number in counts.items():
        found[tuple(values[place] for place in places)] += number
    return found


def _listed(values: Any) -> Sequence[Any]:
    return values if isinstance(values, list) else [values]


def count_faults(session: Session) -> list[str]:
    """The counters that are not what counting gives."""
    values = (Claim.type, Claim.question, Claim.polarity, Claim.severity)
    rows = session.execute(
        select(*values, func.count()).where(visible_claims()).group_by(*values),
    ).all()
    counted = Counter({(*row[:4], row[3].is_conflict): row[4] for row in rows})
    kept = find_counts(session, {}, EVERYTHING) or Counter()
    return [
        f"{kept[key]} claims are noted of {key[1]} ({key[2]}, {key[3]}), there are {counted[key]}"
        for key in sorted(counted.keys() | kept.keys())
        if counted[key] != kept[key]
    ]
