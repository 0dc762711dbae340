"""The small form of the harness of power cuts, and of its planted fault."""

import pytest

from tests.databases import SERVER
from tests.torture.power_cuts import run

pytestmark = pytest.mark.skipif(SERVER is not None, reason="about SQLite's files")


def test_no_power_cut_loses_what_was_acknowledged_or_leaves_half_of_a_write() -> None:
    outcome = run(points=1_000, writes=40)

    assert outcome.faults == []
    assert outcome.states > 10
    assert outcome.counts["acknowledged"] > 20


def test_commits_without_a_sync_are_found_out() -> None:
    assert run(points=100, writes=20, planted=True).lost > 0
