"""What is too much for memory, on disk: prepared rows, and the events of a very large change."""

import json
import marshal
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any, NamedTuple, overload

from app.commands.changes import Event, EventLog, WrittenEvent, written_event

EVENTS_AT_ONCE = 100
Place = tuple[int, int]


class Ready(NamedTuple):
    """Where a batch is kept that was prepared: its rows by table, and this many events."""

    rows: Place
    events: Place
    number: int


class Spool:
    """Plain values, each in its place, to be read any number of times."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._end = 0

    def close(self) -> None:
        self._file.close()

    def append(self, value: Any) -> Place:
        """The place that it got."""
        content = marshal.dumps(value)
        self._file.write(content)
        place = (self._end, len(content))
        self._end += len(content)
        return place

    def read(self, place: Place) -> Any:
        self._file.flush()
        start, size = place
        content = os.pread(self._file.fileno(), size, start)
        return marshal.loads(content)  # noqa: S302 - what this process wrote

    def clear(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._end = 0


class EventSpool(EventLog):
    """Events that are appended and walked over; what was appended stays as it is.

    In memory there is the place of each batch, and how many there were of each action.
    """

    def __init__(self) -> None:
        self._own = Spool()
        self._waiting: list[WrittenEvent] = []
        self._batches: list[tuple[Spool, Place]] = []
        self._length = 0
        self.actions = Counter[tuple[str, str]]()

    def close(self) -> None:
        self._own.close()

    def append(self, value: Event) -> None:
        self._waiting.append(written_event(value))
        self.actions[value.record_type, value.action] += 1
        self._length += 1
        if len(self._waiting) == EVENTS_AT_ONCE:
            self._end_batch()

    def append_ready(self, spool: Spool, ready: Ready, record_type: str, action: str) -> None:
        """Events that are written already, in another spool that stays as long as this one."""
        self._end_batch()
        self._batches.append((spool, ready.events))
        self.actions[record_type, action] += ready.number
        self._length += ready.number

    def _end_batch(self) -> None:
        if self._waiting:
            place = self._own.append([tuple(event) for event in self._waiting])
            self._batches.append((self._own, place))
            self._waiting.clear()

    def written(self) -> Iterator[WrittenEvent]:
        self._end_batch()
        for spool, place in self._batches:
            for values in spool.read(place):
                yield WrittenEvent(*values)

    def __iter__(self) -> Iterator[Event]:
        return map(_event, self.written())

    def __len__(self) -> int:
        return self._length

    def insert(self, index: int, value: Event) -> None:
        if index != len(self):
            raise TypeError("events are only appended")
        self.append(value)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | MutableSequence[Event]:
        raise TypeError("events are walked over")

    @overload
    def __setitem__(self, index: int, value: Event) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Event]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("events are only appended")

    def __delitem__(self, index: int | slice) -> None:
        raise TypeError("events are only appended")


def _event(event: WrittenEvent) -> Event:
    return Event(
        event.record_type,
        event.record_id,
        event.version,
        event.action,
        json.loads(event.stored),
        event.condition_id,
    )
