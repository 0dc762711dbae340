"""P8: reads while an import runs in another process, against the same reads before it; and a
list at 32 connections against 8. Every answer is made, so that asking takes next to no core."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from app.config import ROOT
from app.startup import prepare
from bench.bases import SEED, Base, lines_in_a_file
from bench.measuring import (
    Figures,
    Plan,
    Row,
    Side,
    at_least,
    get,
    own,
    per_second,
    rate,
    rates,
    settings,
    shuffled,
)

READS = {
    "page": "/conditions/milia",
    "list": "/claims?type=cause&conflict=true&limit=50",
}
CONNECTIONS = 4
# Of the import that runs meanwhile: enough for all rounds, and it is ended after them.
CLAIMS_PER_SECOND = 4_000


def measure(plan: Plan) -> list[Row]:
    return [*_during_an_import(plan), _many_connections(plan)]


def _during_an_import(plan: Plan) -> list[Row]:
    lasting = len(READS) * (plan.rounds * plan.seconds + 0.3)
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        base = Base(0, folder / "busy.db")
        prepare(base.url, SEED)
        claims = max(plan.sizes[0], round(CLAIMS_PER_SECOND * lasting))
        with lines_in_a_file(claims, folder) as file, own(base, cache_bytes=0) as port:
            idle = _read(port, plan)
            command = [sys.executable, "-m", "app", "import", str(file)]
            importing = subprocess.Popen(  # noqa: S603 - our own program
                command,
                cwd=ROOT,
                env=settings(database_url=base.url),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                busy = _read(port, plan)
                lasted = importing.poll() is None
            finally:
                importing.kill()
                importing.wait()
            again = _read(port, plan)
    rows = []
    for name in READS:
        both = Figures([*idle[name].values, *again[name].values])
        ratio = at_least(0.75, busy[name].median / both.median)
        shown = {"during": per_second(busy[name]), "idle": per_second(both)}
        note = f"{CONNECTIONS} connections; idle: before and after"
        if not lasted:
            note += "; the import ended too early: the figure is too good"
        rows.append(Row("P8", f"{name} during an import / idle", *ratio, shown, note))
    return rows


def _read(port: int, plan: Plan) -> dict[str, Figures]:
    sides = {name: Side(port, [get(path)]) for name, path in READS.items()}
    return rates(sides, plan, connections=CONNECTIONS)


def _many_connections(plan: Plan) -> Row:
    low, high = max(1, plan.connections // 4), plan.connections
    side = Side(plan.servers.own(plan.largest, cache_bytes=0), [get(READS["list"])])
    found = shuffled(
        {str(number): partial(_rate, side, number, plan.seconds) for number in (low, high)},
        plan.rounds,
    )
    few, many = found[str(low)], found[str(high)]
    return Row(
        "P8",
        f"list at {high} / at {low} connections, {plan.sizes[-1]:,} claims",
        *at_least(0.8, many.median / few.median),
        {str(high): per_second(many), str(low): per_second(few)},
    )


def _rate(side: Side, connections: int, seconds: float) -> float:
    answers, _ = rate(side, connections, seconds)
    return answers
