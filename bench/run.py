"""Measures the goals, keeps what was measured as JSON, and writes the table of all of them.

``python -m bench.run`` for all but p10, ``--only p3`` for one, ``--table`` to write the table of
what was measured before. Nothing is judged but in the table's column "reached".
"""

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from app.config import ROOT
from bench.bases import default_folder
from bench.measuring import RESULTS, PeersMissingError, Plan, Row, machine

GOALS = {
    "p1": "bench.p1_warm_page",
    "p2": "bench.p2_first_read",
    "p3": "bench.p3_lists",
    "p4": "bench.p4_one_and_words",
    "p5": "bench.p5_growth",
    "p6": "bench.p6_bulk_import",
    "p7": "bench.p7_one_edit",
    "p8": "bench.p8_while_busy",
}
# Starts PostgreSQL servers: only where it is asked for.
ASKED_FOR = {"p10": "bench.p10_postgresql"}
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- goals -->", "<!-- /goals -->"
HEAD = (
    "| goal | what | wanted | measured | reached | sides | notes |",
    "| --- | --- | ---: | ---: | --- | --- | --- |",
)


def measure_goal(goal: str, plan: Plan) -> list[Row]:
    """Raises PeersMissingError where the goal needs peers that are not installed."""
    rows: list[Row] = importlib.import_module((GOALS | ASKED_FOR)[goal]).measure(plan)
    return rows


def keep(goal: str, plan: Plan, rows: list[Row]) -> None:
    record = {
        "goal": goal.upper(),
        "command": f"python -m bench.run --only {goal}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": [round(number, 1) for number in os.getloadavg()],
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "connections": plan.connections,
        "sizes": plan.sizes,
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (RESULTS / f"{goal}.json").write_text(text + "\n", encoding="utf-8")


def table_lines(results: Path) -> Iterator[str]:
    """All that was kept, in the order of the goals' numbers."""
    yield from HEAD
    for file in sorted(results.glob("p*.json"), key=lambda file: int(file.stem[1:])):
        for row in json.loads(file.read_bytes())["rows"]:
            yield line_of(Row(**row))


def line_of(row: Row) -> str:
    measured = "" if row.measured is None else f"{row.measured:,.3g}"
    reached = {True: "yes", False: "**no**", None: ""}[row.reached]
    sides = "; ".join(f"{name}: {shown}" for name, shown in row.sides.items())
    cells = (row.goal, row.what, row.wanted, measured, reached, sides, row.note)
    return f"| {' | '.join(cells)} |"


def write_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCUMENT.name} has no place for the table: {BEGIN} {END}")
    table = "\n".join(table_lines(RESULTS))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument(
        "--only", nargs="+", choices=GOALS | ASKED_FOR, default=list(GOALS), metavar="GOAL"
    )
    options.add_argument("--bases", type=Path, default=default_folder())
    options.add_argument(
        "--sizes", type=int, nargs="+", default=Plan.sizes, help="claims of the bases, ascending"
    )
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    options.add_argument("--table", action="store_true", help="only write the table anew")
    asked = options.parse_args()
    plan = Plan(asked.bases, tuple(asked.sizes), asked.rounds, asked.seconds)
    for goal in [] if asked.table else asked.only:
        begun = time.monotonic()
        try:
            rows = measure_goal(goal, plan)
        except PeersMissingError:
            print(f"{goal}: SKIPPED, its peers are not installed: make bench does it")
            continue
        finally:
            plan.servers.stop()
        keep(goal, plan, rows)
        print("\n".join(map(line_of, rows)))
        print(f"{goal}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    write_table()


if __name__ == "__main__":
    main()
