"""The one place that turns filters on claims into SQL. Visibility is part of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, not_, or_, true
from sqlalchemy.orm import Session

from app.models import Claim
from app.queries.fields import FIELDS, Clause, end_of_day, start_of_day
from app.queries.search import asked_words, find_claims
from app.queries.view import EVERYTHING, View, visible_claims
from app.schemas.claim_fields import SPECS, Kind


def compile_filters(
    session: Session,
    given: Mapping[str, Any],
    view: View = EVERYTHING,
    *,
    without: str | None = None,
) -> list[Clause]:
    """Clauses to be joined by AND, visibility first.

    ``given`` has the filters in use by the names of their parameters, the words to search
    for as ``q`` and, under ``filter``, a nested query. ``without`` leaves the filters of one
    field out, for its own facet, also at the top of a nested query, whose own criteria are
    the same as the filters of a list.
    Raises InvalidRequestError for a name that leads nowhere.
    """
    clauses = [visible_claims()]
    if view.excludes:
        clauses.append(Claim.id.in_(list(view.counts)))
    words = asked_words(given)
    if words is not None:
        clauses.append(find_claims(session, words, view).clause)
    clauses += _criteria(session, given, view, without)
    nested = given.get("filter")
    if nested is not None:
        clauses.append(_node(session, nested, view, without))
    return clauses


def _node(
    session: Session,
    node: Mapping[str, Any],
    view: View,
    without: str | None = None,
) -> Clause:
    """A nested query: its own criteria, ``all`` and ``any`` of others, ``not`` another."""
    clauses = list(_criteria(session, node, view, without))
    clauses += [_node(session, part, view) for part in node.get("all") or []]
    if node.get("any"):
        clauses.append(or_(*(_node(session, part, view) for part in node["any"])))
    if node.get("not") is not None:
        clauses.append(not_(_node(session, node["not"], view)))
    return and_(true(), *clauses)


def _criteria(
    session: Session,
    given: Mapping[str, Any],
    view: View,
    without: str | None,
) -> Iterator[Clause]:
    for spec in SPECS:
        field = FIELDS[spec.name]
        if spec.name == without:
            continue
        wanted, unwanted = given.get(spec.name), given.get(f"{spec.name}__not")
        if wanted not in (None, []):
            yield field.matches(session, view, listed(wanted))
        if unwanted:
            # A claim without a value has none of the unwanted ones.
            yield not_(field.matches(session, view, listed(unwanted)))
        low, high = given.get(f"{spec.name}__gte"), given.get(f"{spec.name}__lte")
        if low is not None:
            yield field.column(view) >= bound_of(spec.kind, low)
        if high is not None:
            yield field.column(view) <= end_of(spec.kind, high)
        missing = given.get(f"{spec.name}__missing")
        if missing is not None:
            yield field.missing(view) if missing else not_(field.missing(view))


def listed(values: Any) -> Sequence[Any]:
    return values if isinstance(values, list) else [values]


def bound_of(kind: Kind, bound: Any) -> Any:
    return start_of_day(bound) if _is_day(kind, bound) else bound


def end_of(kind: Kind, bound: Any) -> Any:
    """A day as an upper bound is meant whole."""
    return end_of_day(bound) if _is_day(kind, bound) else bound


def _is_day(kind: Kind, bound: Any) -> bool:
    return kind is Kind.time and isinstance(bound, date) and not isinstance(bound, datetime)
