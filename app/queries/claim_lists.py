"""Lists of claims: pages in an order, facets beside them, groups instead of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from pydantic_core import from_json
from sqlalchemy import Select, distinct, func, select
from sqlalchemy.orm import Session

from app.errors import InvalidRequestError
from app.json_parts import Json, Pieces, array_pieces, written
from app.models import Claim
from app.queries.claim_pages import from_the_first, plain_order, read_claim_page
from app.queries.claim_parts import own_parts, parts_as_json, parts_by_id
from app.queries.claims import included_as_json, shown_claims
from app.queries.counts import CAP, DIMENSIONS, by_dimensions, count_claims, counts_of, find_counts
from app.queries.fields import FIELDS
from app.queries.filter_shapes import shaped
from app.queries.filters import compile_filters
from app.queries.pages import Listing, Order, Page, PageAt, Slice, as_applied, read_slice
from app.queries.ranked import RANKED_ORDER, is_words_alone, read_ranked
from app.queries.records import Record
from app.queries.search import (
    asked_words,
    find_claims,
    first_beyond,
    search_record,
)
from app.queries.view import View
from app.queries.written import ClaimJson, claims_of_rows, conflicts_of_claims
from app.search_text import SearchQuery

MAX_FACET_VALUES = 100
MAX_GROUPS = 10_000
# What has no meaning for groups, which are complete and have an order of their own.
NOT_FOR_GROUPS = ("limit", "cursor", "sort", "facet", "fields", "include", "count")
# What shapes an answer, but not which claims it is about nor their order.
SHAPE = {"facet", "fields", "include", "count", "limit", "cursor", "group_by", "format"}


class Found(NamedTuple):
    """``is_capped``: more claims fit than are ranked. ``included`` is None if it is not wanted."""

    page: Page
    facets: Record | None
    included: Json | None
    is_capped: bool


class Shown(NamedTuple):
    """The claims of a page as they were asked for, and the numbers of their open conflicts."""

    data: Any
    conflicts: Collection[int]


def list_claims(session: Session, asked: Mapping[str, Any], view: View, at: PageAt) -> Found:
    """A page of the public claims that fit, and the facets that were asked for."""
    bound = {name: value for name, value in asked.items() if name not in SHAPE}
    found, shown, view = _page(session, asked, view, bound, at)
    facets = None
    if asked.get("facet"):
        facets = {name: _facet(session, asked, view, name) for name in asked["facet"]}
    page = Page.of(found, shown.data, at, bound)
    included = None
    if _wants_conflicts(asked):
        included = included_as_json(session, shown.conflicts, view)
    return Found(page, facets, included, is_capped=view.ranked_to is not None)


def _wants_conflicts(asked: Mapping[str, Any]) -> bool:
    return bool(asked.get("include", "conflicts") == "conflicts")


def _page(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    bound: Mapping[str, Any],
    at: PageAt,
) -> tuple[Slice, Shown, View]:
    """The slice, its claims, and the view with which facets are counted."""
    words = asked_words(asked)
    if words is not None and is_words_alone(asked, words, view):
        listing = Listing("/claims", bound, Claim.id, RANKED_ORDER)
        ranked = read_ranked(session, asked, words, listing, at)
        if ranked is not None:
            view = replace(view, ranked_to=ranked.ranked_to)
            return ranked.found, _shown(session, asked, view, ranked.found.ids, words), view
    filters = shaped(session, asked, view)
    if filters is not None:
        fields = asked.get("fields") or ()
        parts = own_parts(fields)
        order = plain_order(asked.get("sort") or "id", view)
        listing = Listing("/claims", bound, Claim.id, order)
        found, rows = read_claim_page(session, asked, view, filters, listing, at, parts)
        if parts is None:
            return found, _whole(claims_of_rows(session, rows), fields), view
        return found, _own(session, asked, found.ids, parts_as_json(rows, parts)), view
    view = _ranked(session, asked, view)
    clauses = compile_filters(session, asked, view)
    listing = Listing("/claims", bound, Claim.id, claim_order(session, asked, view))
    total = count_claims(session, asked, view, clauses)
    clauses += from_the_first(listing.order, at.cursor)
    if view.ranked_to is not None:
        total = total._replace(is_exact=False)
    found = read_slice(session, listing, clauses, at, total=total)
    return found, _shown(session, asked, view, found.ids, words), view


def _shown(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    ids: Sequence[int],
    words: SearchQuery | None,
) -> Shown:
    fields = asked.get("fields") or ()
    parts = own_parts(fields)
    if parts is None or view.excludes:
        return _whole(shown_claims(session, ids, view, words), fields)
    return _own(session, asked, ids, parts_by_id(session, ids, parts))


def _whole(claims: Sequence[ClaimJson], fields: Sequence[str]) -> Shown:
    conflicts = {number for claim in claims for number in claim.conflicts}
    return Shown(only_fields(claims, fields), conflicts)


def _own(session: Session, asked: Mapping[str, Any], ids: Sequence[int], data: Json) -> Shown:
    return Shown(data, conflicts_of_claims(session, ids) if _wants_conflicts(asked) else ())


def _ranked(session: Session, asked: Mapping[str, Any], view: View) -> View:
    """The view with which no more claims are ranked than can be in a bounded time.

    Where more than ``CAP`` fit, the first ones by id are what is ranked, listed and counted.
    """
    words = asked_words(asked)
    is_by_relevance = (asked.get("sort") or "relevance").removeprefix("-") == "relevance"
    if words is None or not words.wanted or not is_by_relevance or view.excludes:
        return view
    last = first_beyond(session, words, CAP)
    if last is None:
        return view
    if asked.keys() - SHAPE - {"q", "sort", "concept_narrower"}:
        clauses = compile_filters(session, asked, view)
        statement = select(Claim.id).where(*clauses).order_by(Claim.id).offset(CAP).limit(1)
        last = session.scalar(statement)
    # That one is the first that is too many.
    return view if last is None else replace(view, ranked_to=last - 1)


def only_fields(claims: Sequence[ClaimJson], fields: Sequence[str]) -> Pieces | list[Json]:
    """The claims with these parts only; the id always stays. With all of them if none is named."""
    if not fields:
        return array_pieces(claim.pieces for claim in claims)
    kept = {"id", *fields}
    records = (from_json(claim.content) for claim in claims)
    return [
        written({name: part for name, part in record.items() if name in kept}) for record in records
    ]


def claim_order(session: Session, asked: Mapping[str, Any], view: View) -> tuple[Order, ...]:
    words = asked_words(asked)
    sort = asked.get("sort") or ("id" if words is None else "relevance")
    if sort.removeprefix("-") == "relevance":
        assert words is not None, "the schema refuses it without words"
        tier = find_claims(session, words, view).tier
        last = (Order(view.passage_count, int, descending=True), Order(Claim.id, int))
        return last if tier is None else (Order(tier, int, descending=True), *last)
    return plain_order(sort, view)


def _facet(session: Session, asked: Mapping[str, Any], view: View, name: str) -> Record:
    """The values of one field among the claims that fit without this field's own filter."""
    counts = _value_counts(session, asked, view, name)
    own = {**(asked.get("filter") or {}), **asked}.get(name)
    wanted = [] if own is None else own if isinstance(own, list) else [own]
    selected = {_written(_plain(v)) for v in FIELDS[name].selected(session, view, wanted)}
    return {
        "values": [
            {"value": value, "count": number, "selected": _written(value) in selected}
            for value, number in counts[:MAX_FACET_VALUES]
        ],
        "values_total": len(counts),
        "truncated": len(counts) > MAX_FACET_VALUES,
    }


def _value_counts(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    name: str,
) -> list[tuple[Any, int]]:
    """Each value with its number of claims, the commonest first; None where there is none."""
    rows: Iterable[Any]
    counters = counts_of(session, asked, view, name) if name in DIMENSIONS else None
    if counters is not None:
        rows = counters.items()
    else:
        clauses = compile_filters(session, asked, view, without=name)
        rows = session.execute(_counted(clauses, view, name)).all()
    counts = [(_plain(value), count) for value, count in rows]
    return sorted(counts, key=lambda pair: (-pair[1], _rank(pair[0])))


def _counted(clauses: Sequence[Any], view: View, name: str) -> Select[*tuple[Any, ...]]:
    field = FIELDS[name]
    values = field.values(view)
    if field.is_single:
        # Each claim once, so that no claim has to be told from another.
        shown, apart = _value_of(name, values.selected_columns)
        counted = values.with_only_columns(shown, func.count(), maintain_column_froms=True)
        return cast("Select[*tuple[Any, ...]]", counted.where(*clauses).group_by(apart))
    known = values.subquery()
    shown, apart = _value_of(name, known.c)
    return (
        select(shown, func.count(distinct(Claim.id)))
        .select_from(Claim)
        .outerjoin(known, known.c.claim_id == Claim.id)
        .where(*clauses)
        .group_by(apart)
    )


def _value_of(name: str, columns: Any) -> tuple[Any, Any]:
    """What is shown of a value, and what tells it from others: one filter finds all of it."""
    value = columns.value
    return (func.min(value), func.lower(value)) if FIELDS[name].caseless else (value, value)


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)


def _written(value: Any) -> str:
    return str(value).lower()


def _rank(value: Any) -> tuple[int, str]:
    """Numbers in their order, words in that of the alphabet."""
    return (value, "") if type(value) is int else (0, _written(value))


def _refuse_for_groups(asked: Mapping[str, Any]) -> None:
    given = [name for name in NOT_FOR_GROUPS if name in asked]
    if given:
        detail = "Groups are complete and have an order of their own: leave this out."
        raise InvalidRequestError(
            f"{', '.join(given)}: groups have no pages, facets or fields.",
            errors=[
                {"in": "query", "parameter": name, "code": "not_for_groups", "detail": detail}
                for name in given
            ],
        )


def group_claims(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    names: Sequence[str],
) -> Record:
    """How many of the claims that fit have each value of a field, or each pair of two.

    A claim with several values of a field counts once under each. Complete; more than
    10,000 groups are refused.
    """
    _refuse_for_groups(asked)
    counters = find_counts(session, asked, view) if {*names} <= {*DIMENSIONS} else None
    if counters is not None:
        total = sum(counters.values())
        rows = [(*key, number) for key, number in by_dimensions(counters, names).items()]
    else:
        clauses = compile_filters(session, asked, view)
        total = session.execute(select(func.count(Claim.id)).where(*clauses)).scalar_one()
        rows = [tuple(row) for row in session.execute(_grouped(clauses, view, names))]
    if len(rows) > MAX_GROUPS:
        raise InvalidRequestError(
            f"There are more than {MAX_GROUPS:,} groups: narrow the filters, or group by less.",
        )
    groups = [
        {"key": dict(zip(names, map(_plain, values), strict=True)), "count": number}
        for *values, number in rows
    ]
    groups.sort(key=lambda group: (-group["count"], [_rank(v) for v in group["key"].values()]))
    return {
        "data": groups,
        "meta": {
            "group_by": list(names),
            "groups": len(groups),
            "total": total,
            "total_is_exact": True,
            "applied": as_applied(
                {name: value for name, value in asked.items() if name not in SHAPE},
            ),
            "search": search_record(asked),
        },
    }


def _grouped(clauses: Sequence[Any], view: View, names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    known = {name: FIELDS[name].values(view).subquery(name) for name in names}
    values = [_value_of(name, known[name].c) for name in names]
    columns = [shown for shown, _ in values]
    statement = select(*columns, func.count(distinct(Claim.id))).select_from(Claim)
    for table in known.values():
        statement = statement.outerjoin(table, table.c.claim_id == Claim.id)
    statement = statement.where(*clauses).group_by(*(apart for _, apart in values))
    return statement.limit(MAX_GROUPS + 1)
