"""A search that is nothing but words, best first, in one statement.

What fits, how many, how well and the page of it are found together: each look at the index costs
as much as the page. The index is walked in order of ids, and no further than is ranked.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session

from app.models import Claim
from app.queries import counts
from app.queries.claim_pages import after_values, cut
from app.queries.counts import UNCOUNTED, Total
from app.queries.pages import (
    Listing,
    Order,
    PageAt,
    Slice,
    list_fingerprint,
    read_cursor,
    write_cursor,
)
from app.queries.prepared import Prepared
from app.queries.search import (
    FTS5,
    TIERS,
    TSVECTORS,
    fits_fts5,
    fits_tsquery,
    fts5_query,
    is_postgresql,
    tsquery,
)
from app.queries.view import View, visible_claims
from app.search_text import SearchQuery

_CLAIM = Claim.__table__.c
# By the names of the columns.
RANKED_ORDER = (
    Order("tier", int, descending=True),
    Order("passage_count", int, descending=True),
    Order("id", int),
)
# What does not matter for which claims there are, or for their order.
BESIDE_WORDS = {
    "q",
    "facet",
    "fields",
    "include",
    "count",
    "limit",
    "cursor",
    "format",
    "group_by",
    "concept_narrower",
    "sort",
}


class Ranked(NamedTuple):
    """``ranked_to``: the last that is ranked, where more fit."""

    found: Slice
    ranked_to: int | None


def is_words_alone(asked: Mapping[str, Any], query: SearchQuery | None, view: View) -> bool:
    if query is None or not query.terms or query.excluded or view.excludes:
        return False
    if (asked.get("sort") or "relevance") != "relevance":
        return False
    return all(asked[name] in (None, []) for name in asked.keys() - BESIDE_WORDS)


def read_ranked(
    session: Session, asked: Mapping[str, Any], query: SearchQuery, listing: Listing, at: PageAt
) -> Ranked | None:
    """None where the page is empty but others may be before it.

    Raises InvalidCursorError.
    """
    on_postgresql = is_postgresql(session)
    written = tsquery if on_postgresql else fts5_query
    values: dict[str, Any] = {
        f"fits_{tier}": written(query.wanted, tier, every=True) for tier in (1, *TIERS)
    }
    fingerprint = list_fingerprint(listing.path, listing.filters)
    if at.cursor is not None:
        values |= after_values(read_cursor(fingerprint, at.cursor, RANKED_ORDER))
    statement = _ranked(on_postgresql, at.cursor is not None)
    # One more than the page tells that there are more; another one may be the last.
    rows = statement.all(session, values | {"ranked": counts.CAP + 1, "at_most": at.limit + 2})
    if not rows and at.cursor is not None:
        return None
    number, last = (rows[0].number, rows[0].last) if rows else (0, 0)
    is_capped = number > counts.CAP
    if is_capped:
        # It only tells that there are too many.
        rows = [row for row in rows if row.id != last]
    more = len(rows) > at.limit
    rows = rows[: at.limit]
    found = Slice(
        [row.id for row in rows],
        write_cursor(fingerprint, rows[-1][: len(RANKED_ORDER)]) if more else None,
        UNCOUNTED
        if asked.get("count") == "none"
        else Total(min(number, counts.CAP), not is_capped),
    )
    return Ranked(found, last - 1 if is_capped else None)


@lru_cache(maxsize=4)
def _ranked(postgresql: bool, is_continued: bool) -> Prepared:
    found = (_found_by_tsquery if postgresql else _found_by_fts5)().cte("found")
    number = select(func.count()).select_from(found).scalar_subquery()
    last = select(func.max(found.c.id)).scalar_subquery()
    if postgresql:
        tier = found.c.tier.label("tier")
    else:
        ranks = [(found.c.id.in_(_in_tier_by_fts5(tier, last)), literal(tier)) for tier in TIERS]
        tier = case(*ranks, else_=literal(1)).label("tier")
    columns = {"tier": tier, "passage_count": found.c.passage_count, "id": found.c.id}
    order = [part._replace(expression=columns[part.expression]) for part in RANKED_ORDER]
    ranked = select(*columns.values(), number.label("number"), last.label("last"))
    return Prepared(cut(ranked, order, is_continued=is_continued), depends=True)


def _found_by_fts5() -> Select[*tuple[Any, ...]]:
    found = select(_CLAIM.id, _CLAIM.passage_count)
    found = found.join_from(FTS5, Claim.__table__, _CLAIM.id == FTS5.c.rowid)
    found = found.where(visible_claims(), fits_fts5(_written(1)))
    return found.order_by(FTS5.c.rowid).limit(bindparam("ranked", type_=Integer))


def _in_tier_by_fts5(tier: int, last: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    return select(FTS5.c.rowid).where(fits_fts5(_written(tier)), FTS5.c.rowid <= last)


def _found_by_tsquery() -> Select[*tuple[Any, ...]]:
    """With the tier of each, which its own vector tells: asked of the index, PostgreSQL would walk
    all claims up to the last."""
    ranks = [(fits_tsquery(_written(tier)), literal(tier)) for tier in TIERS]
    found = select(_CLAIM.id, _CLAIM.passage_count, case(*ranks, else_=literal(1)).label("tier"))
    found = found.join_from(TSVECTORS, Claim.__table__, _CLAIM.id == TSVECTORS.c.claim_id)
    found = found.where(visible_claims(), fits_tsquery(_written(1)))
    return found.order_by(_CLAIM.id).limit(bindparam("ranked", type_=Integer))


def _written(tier: int) -> ColumnElement[str]:
    return bindparam(f"fits_{tier}", type_=Text())
