"""What a change computes is all that a computation of every condition would change."""

from collections import Counter

from sqlalchemy import Engine

from app.commands.conflicts import EFFECTS
from tests.commands.histories import History, faults_of
from tests.conftest import rolled_back


def test_nothing_is_left_to_compute_after_any_change(empty_engine: Engine) -> None:
    effects: Counter[str] = Counter()
    for number in range(3):
        with rolled_back(empty_engine) as sessions:
            history = History(sessions, number)
            assert list(faults_of(history, 40)) == []
            effects += history.effects
    assert effects.keys() == set(EFFECTS.values())  # so it was not nothing that they did
