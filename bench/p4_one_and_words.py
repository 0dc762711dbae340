"""P4: one claim, and searches, on the largest base, against Datasette on the same file."""

from contextlib import ExitStack, closing
from urllib.parse import quote

from bench.generator import common_and_rare_words
from bench.measuring import (
    Asking,
    Plan,
    Row,
    Side,
    at_most,
    get,
    peers,
    rates,
    seconds_until,
    served_by_uvicorn,
)
from bench.p3_lists import COLUMNS, compared, of_columns

CLAIMS = 32
ROWS = 50
BOUND_SECONDS = 1.0


def measure(plan: Plan) -> list[Row]:
    base, python = plan.largest, peers()
    _, rare = common_and_rare_words()
    name, file = base.path.stem, str(base.path)
    # It searches the very index: words of the statement, labels and quotes, in no order.
    columns = "".join(f"&_col={column}" for column in COLUMNS)
    searches = [
        f"/{name}/claims.json?_search={word}&_fts_table=fts_claims&_fts_pk=id&_size={ROWS}"
        f"{columns}&_shape=array&_nocount=1&_nofacet=1"
        for word in rare
    ]
    own_words = [get(f"/claims?q={word}&limit={ROWS}") for word in rare]
    lean_words = [get(f"/claims?q={word}&limit={ROWS}{of_columns()}") for word in rare]
    with ExitStack() as opened:
        cached = plan.servers.own(base)
        made = plan.servers.own(base, cache_bytes=0)
        datasette = opened.enter_context(
            served_by_uvicorn("bench.datasette_app:app", python, CLAIMBASE_BENCH_FILE=file)
        )
        with closing(Asking(made)) as asking:
            page = asking.read("/claims?condition=bench-condition-0&limit=1").json()
        first = int(page["data"][0]["id"].removeprefix("CLM"))
        numbers = range(first, first + base.claims, max(1, base.claims // CLAIMS))
        own_claims = [get(f"/claims/CLM{number}") for number in numbers]
        rows_of_it = [get(f"/{name}/claims/{n}.json?_shape=array") for n in numbers]
        one = rates(
            {
                "made": Side(made, own_claims),
                "cached": Side(cached, own_claims),
                "Datasette": Side(datasette, rows_of_it),
            },
            plan,
        )
        searched = rates(
            {
                "made": Side(made, own_words),
                "lean": Side(made, lean_words),
                "cached": Side(cached, own_words),
                "Datasette": Side(datasette, [get(path) for path in searches]),
            },
            plan,
        )
        common = [_common_words(made, plan, number) for number in (1, 2)]
    where = f"{plan.sizes[-1]:,} claims"
    return [
        *compared("P4", f"one claim, {where}", 8, one),
        *compared("P4", f"rare word, ranked, {where}", 5, searched),
        *common,
    ]


def own_search(words: list[str]) -> str:
    return f"/claims?q={quote(' '.join(words))}&limit={ROWS}"


def _common_words(port: int, plan: Plan, number: int) -> Row:
    """The commonest words, whatever the answer is: one that was refused has its status."""
    common, _ = common_and_rare_words()
    path = own_search(common[:number])
    with closing(Asking(port)) as asking:
        answer = asking.ask(path)
        seconds = seconds_until(
            plan.seconds,
            plan.rounds,
            lambda: asking.seconds_of(get(path), answer.status_code),
        )
    told = f"answered {answer.status_code}"
    if answer.is_success:
        meta = answer.json()["meta"]
        kind = "exact" if meta["total_is_exact"] else "capped, as the answer says"
        told = f"total {meta['total']:,} ({kind})"
    return Row(
        "P4",
        f"the {'commonest word' if number == 1 else f'{number} commonest words together'}, "
        f"{plan.sizes[-1]:,} claims, made: seconds",
        *at_most(BOUND_SECONDS, seconds),
        {"one answer": f"{seconds * 1000:,.0f} ms"},
        told,
    )
