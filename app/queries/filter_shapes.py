"""Filters apart from their values: what differs only in values has the same SQL, made once."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, not_
from sqlalchemy.orm import Session

from app.queries.fields import FIELDS, Clause, Field
from app.queries.filters import bound_of, end_of, listed
from app.queries.view import EVERYTHING, View, visible_claims
from app.schemas.claim_fields import SPECS, FieldSpec

OPERATORS = ("", "__not", "__gte", "__lte", "__missing")
PARAMETERS: dict[str, tuple[FieldSpec, str]] = {
    f"{spec.name}{operator}": (spec, operator) for spec in SPECS for operator in OPERATORS
}
PLACES = {name: place for place, name in enumerate(PARAMETERS)}
# Most requests have one of a few shapes; a shape that is not remembered is made anew.
REMEMBERED = 500
Shape = tuple[tuple[str, bool], ...]


class Shaped(NamedTuple):
    """``shape``: the parameters in use, and whether a ``__missing`` is wanted to be so.
    ``values`` are bound by the names of their parameters."""

    shape: Shape
    values: dict[str, Any]


def shaped(session: Session, given: Mapping[str, Any], view: View) -> Shaped | None:
    """The filters of a request; None where their SQL is not the same for all values.

    Raises InvalidRequestError for a name that leads nowhere.
    """
    if view.excludes or given.get("filter") is not None or (given.get("q") or "").strip():
        return None
    shape: list[tuple[str, bool]] = []
    values: dict[str, Any] = {}
    for name in sorted(given.keys() & PARAMETERS.keys(), key=PLACES.__getitem__):
        spec, operator = PARAMETERS[name]
        field, wanted = FIELDS[spec.name], given[name]
        if wanted is None or wanted == []:
            continue
        if operator == "__missing":
            shape.append((name, wanted))
            continue
        if operator in {"", "__not"}:
            if type(field) is not Field:
                return None
            values[name] = list(field.found(session, view, listed(wanted)))
        else:
            bound = bound_of if operator == "__gte" else end_of
            values[name] = bound(spec.kind, wanted)
        shape.append((name, True))
    return Shaped(tuple(shape), values)


@lru_cache(maxsize=REMEMBERED)
def clauses_of(shape: Shape) -> tuple[Clause, ...]:
    """To be joined by AND, visibility first."""
    return (visible_claims(), *(_clause(name, wanted) for name, wanted in shape))


def _clause(name: str, wanted: bool) -> Clause:
    spec, operator = PARAMETERS[name]
    field = FIELDS[spec.name]
    if operator == "__missing":
        missing = field.missing(EVERYTHING)
        return missing if wanted else not_(missing)
    column = field.column(EVERYTHING)
    if operator in {"", "__not"}:
        among = field.among(EVERYTHING, bindparam(name, type_=column.type, expanding=True))
        return not_(among) if operator else among
    limit: Any = bindparam(name, type_=column.type)
    clause: Clause = column >= limit if operator == "__gte" else column <= limit
    return clause
