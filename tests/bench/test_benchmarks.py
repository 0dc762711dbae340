"""The benchmarks stay alive: every goal once, on the smallest base. No time is judged."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import while_others_edit
from bench.generator import CLAIMS_OF_A_CONDITION, lines
from bench.measuring import PeersMissingError, Plan, Row
from bench.profiles import MADE, READS, WAYS, profiles
from bench.run import GOALS, line_of, measure_goal, table_lines
from bench.while_others_edit import SIDES

CLAIMS = 200


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    folder = tmp_path_factory.mktemp("bench")
    made = Plan(folder / "bases", (CLAIMS,), rounds=1, seconds=0.05, connections=4, plots=folder)
    yield made
    made.servers.stop()


@pytest.mark.parametrize("goal", GOALS)
def test_a_goal_is_measured(goal: str, plan: Plan) -> None:
    try:
        rows = measure_goal(goal, plan)
    except PeersMissingError:
        pytest.skip("what it is compared with is not installed: make bench does it")

    sys.stdout.write("\n".join([*map(line_of, rows), ""]))
    assert rows
    assert all(row.goal == goal.upper() and row.sides for row in rows)


def test_reads_beside_edits_are_measured(plan: Plan) -> None:
    found = while_others_edit.measure(plan, plan.smallest.url, 10, own=False)

    assert len(found) == 1 + len(SIDES)


def test_profiles_tell_where_time_goes(plan: Plan) -> None:
    told = list(profiles(plan.smallest, imported=100))

    heads = [line for line in told if " ms each without the profile" in line]
    assert len(heads) == len(READS) * len(WAYS) + len(MADE) + 2
    assert any("_claim" in line for line in told)
    assert not any("site-packages" in line for line in told)


def test_the_same_size_gives_the_same_lines() -> None:
    assert list(lines(CLAIMS)) == list(lines(CLAIMS))


def test_claims_are_spread_as_in_real_bases() -> None:
    claims = [line for line in lines(2_000) if line["type"] == "claim"]

    questions = Counter(claim["question"] for claim in claims)
    conditions = Counter(claim["condition"] for claim in claims)
    cited = sum(len(claim["citations"]) for claim in claims)
    [(_, most), *_] = questions.most_common()
    assert len(questions) > 10
    assert most > 5 * min(questions.values())
    assert set(conditions.values()) == {CLAIMS_OF_A_CONDITION}
    assert 1.4 < cited / len(claims) < 1.6


def test_the_table_has_what_was_kept_in_the_order_of_the_goals(tmp_path: Path) -> None:
    for goal in ("p10", "p2"):
        row = Row(goal.upper(), "what", "≥ 1", 2.0, reached=True, sides={"one": "2/s"})
        (tmp_path / f"{goal}.json").write_text(json.dumps({"rows": [vars(row)]}))

    _, _, first, second = table_lines(tmp_path)

    assert first == "| P2 | what | ≥ 1 | 2 | yes | one: 2/s |  |"
    assert second.startswith("| P10 |")
