"""P10: the lists of P3 and the reads of P4 on PostgreSQL, against Datasette on a SQLite file; the
page against a bare application; the same reads on a streaming replica and on the primary.

``python -m bench.p10_postgresql --file BASE.db [--url URL [--replica-url URL]]``: on bases that are
there (a large one is made by ``bench.p10_copies``). As a part of ``bench`` it starts a pair of
servers of its own, and makes the base on it.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import httpx
from sqlalchemy import text

from app.db import make_engine
from bench.generator import common_and_rare_words
from bench.measuring import (
    Plan,
    Row,
    Side,
    at_least,
    bare,
    get,
    peers,
    per_second,
    rates,
    running,
    served_by_uvicorn,
)
from bench.p3_lists import COLUMNS, FACETS, ROWS, TYPES, compared, lists, of_columns
from bench.p10_copies import import_small, multiply
from tests.standby import running_pair
from tests.startup.servers import free_port, settings

CLAIMS = 32
IMPORTED = 10_000
SEEDED = 370  # claims of the seed have the first numbers


class Bases(NamedTuple):
    url: str
    replica_url: str | None
    claims: int


def measure(plan: Plan) -> list[Row]:
    """On a pair of servers that is made for it."""
    claims = plan.sizes[-1]
    with running_pair() as pair:
        import_small(pair.primary.url, min(claims, IMPORTED))
        if claims > IMPORTED:
            engine = make_engine(pair.primary.url)
            multiply(engine, claims // IMPORTED)
            engine.dispose()
        pair.wait_until_caught_up()
        bases = Bases(pair.primary.url, pair.standby.url, claims)
        return measure_on(bases, plan, plan.largest.path)


def measure_on(bases: Bases, plan: Plan, file: Path) -> list[Row]:
    """``file`` is what Datasette serves, with columns and search index as ours."""
    with ExitStack() as opened:
        made = opened.enter_context(_own(bases, cache_bytes=0))
        cached = opened.enter_context(_own(bases))
        datasette = opened.enter_context(
            served_by_uvicorn("bench.datasette_app:app", peers(), CLAIMBASE_BENCH_FILE=str(file))
        )
        rows = list(_against_datasette(bases, plan, (made, cached, datasette), file.stem))
        folder = Path(opened.enter_context(TemporaryDirectory()))
        rows.append(_page(cached, plan, folder, opened))
        if bases.replica_url is not None:
            url = bases.replica_url
            replica = opened.enter_context(_own(bases, cache_bytes=0, replica_url=url))
            rows += _replica(bases, plan, made, replica)
    return rows


@contextmanager
def _own(bases: Bases, **given: object) -> Iterator[int]:
    port = free_port()
    # The console's command would look for the seed; a copied base is served as it is.
    command = ["-m", "uvicorn", "app.main:create_service", "--factory", "--port", str(port)]
    command += ["--no-access-log", "--log-level", "warning"]
    environment = settings(database_url=bases.url, port=port, metrics_public="true", **given)
    with running([sys.executable, *command], port, path="/health/ready", environment=environment):
        yield port


def _against_datasette(
    bases: Bases, plan: Plan, ports: tuple[int, int, int], name: str
) -> Iterator[Row]:
    made, cached, datasette = ports
    _, rare = common_and_rare_words()
    numbers = _spread(bases.claims)
    columns = "".join(f"&_col={column}" for column in COLUMNS)
    table = f"/{name}/claims.json?_size={ROWS}&status__exact=published{columns}"
    of_type = [f"{table}&type__exact={kind}&conflict__exact=1" for kind in TYPES]
    faceted = "".join(f"&_facet={facet}" for facet in FACETS)
    own_facets = lists("".join(f"&facet={facet}" for facet in FACETS))
    searched = f"/{name}/claims.json?_fts_table=fts_claims&_fts_pk=id&_size={ROWS}{columns}"
    questions = {
        "list": (6, lists(), [f"{path}&_shape=array&_nocount=1&_nofacet=1" for path in of_type]),
        "list with two facets": (
            8,
            own_facets,
            [f"{path}&_nocount=1&_nosuggest=1{faceted}" for path in of_type],
        ),
        "one claim": (
            8,
            [get(f"/claims/CLM{number}") for number in numbers],
            [
                f"/{name}/claims/{number}.json?_shape=array"
                for number in _spread(min(bases.claims, IMPORTED))
            ],
        ),
        "rare word, ranked": (
            5,
            [get(f"/claims?q={word}&limit={ROWS}") for word in rare],
            [f"{searched}&_search={word}&_shape=array&_nocount=1&_nofacet=1" for word in rare],
        ),
    }
    lean = {
        "list": lists(of_columns()),
        "rare word, ranked": [get(f"/claims?q={word}&limit={ROWS}{of_columns()}") for word in rare],
    }
    for what, (limit, ours, theirs) in questions.items():
        sides = {
            "made": Side(made, ours),
            "cached": Side(cached, ours),
            "Datasette": Side(datasette, [get(path) for path in theirs]),
        }
        if what in lean:
            sides["lean"] = Side(made, lean[what])
        where = f"{what}, {bases.claims:,} claims"
        yield from compared("P10", where, limit, rates(sides, plan))


def _spread(claims: int) -> range:
    """Numbers of claims that are all over the base, behind those of the seed."""
    return range(SEEDED, SEEDED + claims, max(1, claims // CLAIMS))


def _page(cached: int, plan: Plan, folder: Path, opened: ExitStack) -> Row:
    body = httpx.get(
        f"http://127.0.0.1:{cached}/conditions/milia", headers={"Accept-Encoding": "identity"}
    ).content
    beside = opened.enter_context(bare(body, folder))
    page = [get("/conditions/milia", accept_encoding="identity")]
    found = rates({"page": Side(cached, page), "bare": Side(beside, page)}, plan)
    ratio = found["page"].median / found["bare"].median
    shown = {name: per_second(figures) for name, figures in found.items()}
    return Row("P10", f"page of {len(body):,} bytes, warm / bare", *at_least(0.8, ratio), shown)


def _replica(bases: Bases, plan: Plan, made: int, replica: int) -> Iterator[Row]:
    for what, ours in (("list", lists()), ("page", [get("/conditions/milia")])):
        found = rates({"primary": Side(made, ours), "replica": Side(replica, ours)}, plan)
        shown = {name: per_second(figures) for name, figures in found.items()}
        ratio = found["replica"].median / found["primary"].median
        name = f"{what}, {bases.claims:,} claims, made, replica / primary"
        yield Row("P10", name, "no goal", ratio, None, shown, f"counted: {_counted(replica)}")


def _counted(port: int) -> str:
    """Which base has answered, by the service's own count."""
    scraped = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    counted = re.findall(
        r'^claimbase_reads_total\{base="(\w+)".* ([0-9.]+)$', scraped, re.MULTILINE
    )
    return ", ".join(f"{base} {float(number):.0f}" for base, number in counted)


def _claims_of(url: str) -> int:
    """Without those of the seed, as ``_spread`` counts."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found: int = connection.execute(text("SELECT max(id) FROM claims")).scalar_one()
    engine.dispose()
    return found - SEEDED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True, help="the SQLite base for Datasette")
    parser.add_argument("--url", required=True)
    parser.add_argument("--replica-url")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    given = parser.parse_args()
    bases = Bases(given.url, given.replica_url, _claims_of(given.url))
    plan = Plan(rounds=given.rounds, seconds=given.seconds)
    for row in measure_on(bases, plan, given.file):
        ratio = "" if row.measured is None else f"{row.measured:.2f}"
        print(f"{row.what}: {ratio} (wanted {row.wanted}) {row.sides} {row.note}", flush=True)


if __name__ == "__main__":
    main()
