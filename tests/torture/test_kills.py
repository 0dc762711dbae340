"""The small form of the harness of killed services, and of its planted faults."""

import pytest

from tests.databases import SERVER
from tests.torture.kills import PLANTED, run

CYCLES = 30 if SERVER is None else 10


def test_nothing_acknowledged_is_lost_by_a_kill_and_nothing_is_half_written() -> None:
    outcome = run(CYCLES)

    assert outcome.faults == []
    assert outcome.services > 0
    assert outcome.workers > 0
    assert outcome.counts["acknowledged"] > CYCLES


@pytest.mark.skipif(SERVER is not None, reason="once is enough: the fault is in the application")
@pytest.mark.parametrize("planted", PLANTED)
def test_each_planted_fault_is_found_out(planted: str) -> None:
    assert run(40, planted=planted).faults != []
