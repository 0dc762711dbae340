"""The events of an import are kept on disk, and are the same every time they are walked."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from app.commands.changes import Event, written_event
from app.commands.import_events import EventSpool, Ready, Spool

EVENTS = [
    Event("claim", number, 1, "created", {"number": number, "words": "é" * number}, 7)
    for number in range(1, 40)
]


@pytest.fixture
def spool() -> Iterator[EventSpool]:
    made = EventSpool()
    made.extend(EVENTS)
    yield made
    made.close()


def test_events_are_walked_over_more_than_once(spool: EventSpool) -> None:
    assert list(spool) == list(spool) == EVENTS
    assert len(spool) == len(EVENTS)


def test_two_may_walk_at_once(spool: EventSpool) -> None:
    assert all(one == other for one, other in zip(spool, spool, strict=True))


def test_events_that_were_written_elsewhere_have_their_place_among_them(
    spool: EventSpool,
) -> None:
    with closing(Spool()) as elsewhere:
        ready = [tuple(written_event(event)) for event in EVENTS[:3]]
        places = Ready(elsewhere.append({}), elsewhere.append(ready), len(ready))
        spool.append_ready(elsewhere, places, "claim", "created")
        spool.append(EVENTS[5])

        assert list(spool) == [*EVENTS, *EVENTS[:3], EVENTS[5]]
        assert len(spool) == spool.actions["claim", "created"] == len(EVENTS) + 4


def test_events_may_come_after_a_walk(spool: EventSpool) -> None:
    list(spool)
    spool += EVENTS[:2]

    assert list(spool) == [*EVENTS, *EVENTS[:2]]


def test_events_are_counted_by_what_they_did(spool: EventSpool) -> None:
    assert spool.actions["claim", "created"] == len(EVENTS)


def test_what_was_appended_stays(spool: EventSpool) -> None:
    with pytest.raises(TypeError):
        spool[0] = EVENTS[1]
    with pytest.raises(TypeError):
        del spool[0]
    with pytest.raises(TypeError):
        spool.insert(0, EVENTS[1])
