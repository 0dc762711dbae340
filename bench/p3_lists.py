"""P3: a list by type and conflict, 50 rows, on the largest base, against Datasette's leanest
address and against Django Ninja on the same file. Claimbase is asked with its cache, and with
none, so that every answer is made: once for all that a list has, once for the columns that its
peers answer with, without total and conflicts."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from bench.measuring import (
    Figures,
    Plan,
    Row,
    Side,
    at_least,
    get,
    peers,
    per_second,
    rates,
    served_by_uvicorn,
)

TYPES = ("cause", "prevalence", "treatment", "risk_factor")
ROWS = 50
# As many columns as Django Ninja's schema has.
COLUMNS = (
    "key",
    "version",
    "status",
    "type",
    "question",
    "statement",
    "words",
    "polarity",
    "conflict",
    "severity",
    "passage_count",
    "document_count",
)
FACETS = ("question", "severity")
WAYS = {
    "made": "made for each request",
    "lean": "made, the same columns",
    "cached": "answered by the cache",
}


def lists(facets: str = "") -> list[str]:
    return [get(f"/claims?type={name}&conflict=true&limit={ROWS}{facets}") for name in TYPES]


def of_columns() -> str:
    """What asks for as much as the peers answer."""
    return "&count=none&include=none" + "".join(f"&fields={name}" for name in COLUMNS)


def measure(plan: Plan) -> list[Row]:
    base, python = plan.largest, peers()
    names = "".join(f"&_col={name}" for name in COLUMNS)
    table = f"/{base.path.stem}/claims.json?_size={ROWS}&status__exact=published{names}"
    of_datasette = [
        get(f"{table}&type__exact={name}&conflict__exact=1&_shape=array&_nocount=1&_nofacet=1")
        for name in TYPES
    ]
    # With facets it has no array; their counts stand beside the rows.
    faceted = "".join(f"&_facet={name}" for name in FACETS)
    facets_of_datasette = [
        get(f"{table}&type__exact={name}&conflict__exact=1&_nocount=1&_nosuggest=1{faceted}")
        for name in TYPES
    ]
    own_facets = lists("".join(f"&facet={name}" for name in FACETS))
    file = str(base.path)
    with ExitStack() as opened:
        cached = plan.servers.own(base)
        uncached = plan.servers.own(base, cache_bytes=0)
        datasette = opened.enter_context(
            served_by_uvicorn("bench.datasette_app:app", python, CLAIMBASE_BENCH_FILE=file)
        )
        ninja = opened.enter_context(
            served_by_uvicorn("bench.ninja_app:app", python, CLAIMBASE_BENCH_FILE=file)
        )
        of_ninja = [get(f"/claims?type={name}&conflict=true&limit={ROWS}") for name in TYPES]
        plain = rates(
            {
                "made": Side(uncached, lists()),
                "lean": Side(uncached, lists(of_columns())),
                "cached": Side(cached, lists()),
                "Datasette": Side(datasette, of_datasette),
                "Django Ninja": Side(ninja, of_ninja),
            },
            plan,
        )
        with_facets = rates(
            {
                "made": Side(uncached, own_facets),
                "cached": Side(cached, own_facets),
                "Datasette": Side(datasette, facets_of_datasette),
            },
            plan,
        )
    where = f"{plan.sizes[-1]:,} claims"
    return [
        *compared("P3", f"list, {where}", 6, plain),
        *compared("P3", f"list with two facets, {where}", 8, with_facets),
        *compared("P3", f"list, {where}", 5, plain, "Django Ninja"),
    ]


def compared(
    goal: str, what: str, limit: float, found: Mapping[str, Figures], peer: str = "Datasette"
) -> Iterator[Row]:
    """Each way in which we were asked, against the peer."""
    for way, words in WAYS.items():
        if way not in found:
            continue
        yield Row(
            goal,
            f"{what}, {words} / {peer}",
            *at_least(limit, found[way].median / found[peer].median),
            {way: per_second(found[way]), peer: per_second(found[peer])},
            f"asking took {found[way].asking:.0%} of a core",
        )
