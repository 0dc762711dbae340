"""One page of claims in one statement: which they are, in which order, with their rows.

Statements are made once for each shape of filters; see ``filter_shapes``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, case, func, literal_column, select
from sqlalchemy.orm import Session

from app.models import Claim
from app.queries import counts
from app.queries.claim_parts import Names, part_columns
from app.queries.counts import UNCOUNTED, Total, sum_of_counts
from app.queries.filter_shapes import REMEMBERED, Shape, Shaped, clauses_of
from app.queries.pages import (
    Listing,
    Order,
    PageAt,
    Slice,
    after,
    list_fingerprint,
    read_cursor,
    write_cursor,
)
from app.queries.prepared import Prepared
from app.queries.view import EVERYTHING, View
from app.queries.written import CLAIM_COLUMNS, CLAIM_TABLES
from app.vocabulary import Severity

_CLAIM = Claim.__table__.c


def plain_order(sort: str, view: View) -> tuple[Order, ...]:
    """What ``sort`` asks for, where it needs no words."""
    name = sort.removeprefix("-")
    descending = sort != name
    by_id = Order(_CLAIM.id, int, descending)
    if name == "id":
        return (by_id,)
    if name in {"created_at", "updated_at"}:
        return (Order(_CLAIM[name], datetime, descending), by_id)
    if name == "severity":
        ranks = {severity.value: severity.rank for severity in Severity}
        ranked = case(ranks, value=view.severity, else_=0)
        return (Order(ranked, int, descending), by_id)
    return (Order(getattr(view, name), int, descending), by_id)


def from_the_first(order: Sequence[Order], cursor: str | None) -> list[ColumnElement[bool]]:
    """Said so that SQLite walks the ids: it would sort a smaller index that is in no order."""
    return [_CLAIM.id > 0] if cursor is None and len(order) == 1 else []


def read_claim_page(  # noqa: PLR0917 - what a list is asked
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    filters: Shaped,
    listing: Listing,
    at: PageAt,
    parts: Names | None,
) -> tuple[Slice, list[Any]]:
    """A page of the claims that fit the filters, with their rows: first the ``CLAIM_COLUMNS``, or
    these parts. Raises InvalidCursorError."""
    total = _total(session, asked, view, filters)
    statement = _page(filters.shape, asked.get("sort") or "id", at.cursor is not None, parts)
    width = len(CLAIM_COLUMNS if parts is None else parts)
    rows, next_cursor = _rows_in_order(session, statement, filters.values, listing, at, width)
    return Slice([row[0] for row in rows], next_cursor, total), rows


def _rows_in_order(  # noqa: PLR0917 - what a page is cut from
    session: Session,
    statement: Prepared,
    values: Mapping[str, Any],
    listing: Listing,
    at: PageAt,
    width: int,
) -> tuple[list[Any], str | None]:
    """The rows that ``_with_claims`` finds, and the cursor behind them."""
    fingerprint = list_fingerprint(listing.path, listing.filters)
    bound = {**values, "at_most": at.limit + 1}
    if at.cursor is not None:
        position = read_cursor(fingerprint, at.cursor, listing.order)
        bound |= after_values(position)
    rows = statement.all(session, bound)
    for place, part in reversed([*enumerate(listing.order)]):
        rows.sort(key=itemgetter(width + place), reverse=part.descending)
    more = len(rows) > at.limit
    rows = rows[: at.limit]
    ends_at = rows[-1][width:] if more else ()
    return rows, write_cursor(fingerprint, ends_at) if more else None


def after_values(position: Sequence[Any]) -> dict[str, Any]:
    """What ``cut`` compares with."""
    return {f"after_{place}": value for place, value in enumerate(position)}


@lru_cache(maxsize=REMEMBERED)
def _page(shape: Shape, sort: str, is_continued: bool, parts: Names | None) -> Prepared:
    order = plain_order(sort, EVERYTHING)
    page = select(_CLAIM.id, *places_of(order)).where(*clauses_of(shape))
    page = page.where(*([] if is_continued else from_the_first(order, None)))
    return _with_claims(cut(page, order, is_continued=is_continued), len(order), parts)


def places_of(order: Sequence[Order]) -> list[ColumnElement[Any]]:
    return [part.expression.label(f"at_{place}") for place, part in enumerate(order)]


def cut(
    page: Select[*tuple[Any, ...]], order: Sequence[Order], *, is_continued: bool
) -> Select[*tuple[Any, ...]]:
    """The first ``at_most`` rows, behind the values of a cursor if there is one."""
    if is_continued:
        position: list[Any] = [
            bindparam(f"after_{place}", type_=part.expression.type)
            for place, part in enumerate(order)
        ]
        page = page.where(after(order, position))
    page = page.order_by(*(p.expression.desc() if p.descending else p.expression for p in order))
    return page.limit(bindparam("at_most", type_=Integer))


def _with_claims(cut_page: Select[*tuple[Any, ...]], places: int, parts: Names | None) -> Prepared:
    """The row of each claim, and behind it its place in the order.

    In no order: the rows are few, and would be sorted with all that they hold.
    """
    page = cut_page.subquery("page")
    columns = CLAIM_COLUMNS if parts is None else part_columns(parts)
    tables = CLAIM_TABLES if parts is None else Claim.__table__
    ends = (page.c[f"at_{place}"] for place in range(places))
    found = select(*columns, *ends).join_from(page, tables, page.c.id == _CLAIM.id)
    return Prepared(found, plain=True, depends=True)


def _total(session: Session, asked: Mapping[str, Any], view: View, filters: Shaped) -> Total:
    precision = asked.get("count", "capped")
    if precision == "none":
        return UNCOUNTED
    counted = sum_of_counts(session, asked, view)
    if counted is not None:
        return Total(counted, is_exact=True)
    cap = None if precision == "exact" else counts.CAP
    bound = {} if cap is None else {"counted": cap + 1}
    [row] = _number(filters.shape, cap is not None).all(session, filters.values | bound)
    is_exact = cap is None or row.number <= cap
    return Total(row.number if is_exact else cap, is_exact)


@lru_cache(maxsize=REMEMBERED)
def _number(shape: Shape, is_capped: bool) -> Prepared:
    rows: Select[*tuple[Any, ...]] = select(literal_column("1").label("one"))
    rows = rows.select_from(Claim.__table__).where(*clauses_of(shape))
    if is_capped:
        rows = rows.limit(bindparam("counted", type_=Integer))
    counted = select(func.count().label("number")).select_from(rows.subquery())
    return Prepared(counted, depends=True)
