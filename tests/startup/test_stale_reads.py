"""The small form of the harness of stale reads, and of its planted fault."""

from tests.torture.stale_reads import run


def test_no_read_in_any_process_is_older_than_an_acknowledged_edit() -> None:
    outcome = run(10)

    assert outcome.stale == []
    assert outcome.reads == 10 * 2 * 6


def test_a_cache_that_never_asks_is_found_out() -> None:
    assert run(3, planted=True).stale != []
