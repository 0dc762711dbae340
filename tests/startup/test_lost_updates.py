"""The small form of the harness of many editors, and of its planted fault."""

from tests.databases import SERVER
from tests.torture.lost_updates import run

ATTEMPTS = 9_000 if SERVER is None else 1_000


def test_every_acknowledged_edit_is_there_once_and_no_refused_one() -> None:
    outcome = run(ATTEMPTS)

    assert outcome.anomalies == []
    assert outcome.counts["acknowledged"] > 0
    assert outcome.counts["refused"] > 0
    assert len(outcome.attempts) == ATTEMPTS


def test_a_version_compared_before_the_write_is_found_out() -> None:
    assert run(60, planted=True).anomalies != []
