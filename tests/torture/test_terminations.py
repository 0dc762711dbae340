"""The small form of the harness of a PostgreSQL that fails, and of its planted fault."""

import pytest

from tests.databases import SERVER
from tests.torture.terminations import run

pytestmark = pytest.mark.skipif(SERVER is None, reason="of PostgreSQL")


def test_whatever_a_server_does_nothing_is_lost_and_answers_are_right_or_503() -> None:
    outcome = run(2)

    assert outcome.faults == []
    assert outcome.writes["acknowledged"] > 0
    assert outcome.done["connections ended"] > 0
