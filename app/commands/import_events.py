"""The events of a very large change, kept on disk until the change is finished."""

import marshal
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, MutableSequence
from pathlib import Path
from typing import Any, BinaryIO, overload

from app.commands.changes import Event

FIELDS = Event.__slots__
READ_AT_ONCE = 1_000_000


class EventSpool(MutableSequence[Event]):
    """Events that are appended and walked over; what was appended stays as it is.

    In memory there is the place of each event, and how many there were of each action.
    """

    def __init__(self) -> None:
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - see close
        self._places = array("Q", [0])
        self.actions = Counter[tuple[str, str]]()

    def close(self) -> None:
        self._file.close()

    def append(self, value: Event) -> None:
        written = marshal.dumps([getattr(value, name) for name in FIELDS])
        self._file.write(written)
        self._places.append(self._places[-1] + len(written))
        self.actions[value.record_type, value.action] += 1

    def insert(self, index: int, value: Event) -> None:
        if index != len(self):
            raise TypeError("events are only appended")
        self.append(value)

    def __len__(self) -> int:
        return len(self._places) - 1

    def __iter__(self) -> Iterator[Event]:
        self._file.flush()
        # By a handle of its own, because several may walk at once.
        with Path(self._file.name).open("rb", buffering=READ_AT_ONCE) as file:
            for place in range(len(self)):
                yield self._event(file, place)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> MutableSequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | MutableSequence[Event]:
        if isinstance(index, slice):
            return [self._read(place) for place in range(*index.indices(len(self)))]
        return self._read(range(len(self))[index])

    @overload
    def __setitem__(self, index: int, value: Event) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[Event]) -> None: ...
    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("events are only appended")

    def __delitem__(self, index: int | slice) -> None:
        raise TypeError("events are only appended")

    def _read(self, place: int) -> Event:
        self._file.flush()
        with Path(self._file.name).open("rb") as file:
            file.seek(self._places[place])
            return self._event(file, place)

    def _event(self, file: BinaryIO, place: int) -> Event:
        content = file.read(self._places[place + 1] - self._places[place])
        return Event(*marshal.loads(content))  # noqa: S302 - what this process wrote
