"""The small form of the harness of stale reads, and of its planted faults."""

import pytest

from tests.databases import SERVER
from tests.torture.stale_reads import run

EDITS = 100 if SERVER is None else 45  # about 2,000 reads together


def test_no_read_in_any_process_is_older_than_an_acknowledged_edit() -> None:
    outcome = run(EDITS)

    assert outcome.stale == []
    assert outcome.reads == EDITS * 2 * 6 + (EDITS - 2) * 2


def test_a_cache_that_never_asks_is_found_out() -> None:
    assert run(3, planted="unasked").stale != []


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL has no stamps")
def test_a_trigger_that_is_missing_is_found_out() -> None:
    assert run(3, planted="unnoted").stale != []
