"""The small form of the harness of stale reads, and of its planted fault."""

import pytest

from tests.torture.stale_reads import run

pytestmark = pytest.mark.xdist_group("harnesses")


def test_no_read_in_any_process_is_older_than_an_acknowledged_edit() -> None:
    outcome = run(20)

    assert outcome.stale == []
    assert outcome.reads == 20 * 2 * 6


def test_a_cache_that_never_asks_is_found_out() -> None:
    assert run(3, planted=True).stale != []
