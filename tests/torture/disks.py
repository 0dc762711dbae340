"""Every write and sync of SQLite's files, recorded or failed, and what a power cut leaves.

SQLite reaches the disk through its VFS: a table of functions. The open of the default one, of
the very library that the application uses, is replaced by one that hands out files whose write,
truncate and sync are noted and then carried out. This needs no compiler and no privileges.
"""

import ctypes
import random
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from app.db import sqlite_driver

SECTOR = 512
DURABLE_SUFFIXES = ("", "-wal")  # the -shm is memory, and made again

_FILE_CALL = {
    "xWrite": ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
    ),
    "xTruncate": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64),
    "xSync": ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int),
}
# Names are addresses here: SQLite keeps the very pointer that it was given.
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
# Until the process ends: files that are still open call them.
_kept: list[Any] = []


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods`` of version 3."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("xClose", ctypes.c_void_p),
        ("xRead", ctypes.c_void_p),
        ("xWrite", ctypes.c_void_p),
        ("xTruncate", ctypes.c_void_p),
        ("xSync", ctypes.c_void_p),
        *((f"other_{number}", ctypes.c_void_p) for number in range(13)),
    )


class _File(ctypes.Structure):
    _fields_ = (("pMethods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    """The head of ``sqlite3_vfs``."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("xOpen", ctypes.c_void_p),
        ("xDelete", ctypes.c_void_p),
    )


class Step(NamedTuple):
    """What happened to a file: a write, a truncation (to ``place``), a removal, or a sync.

    A sync covers the steps of its file before the step ``place`` of the log.
    """

    kind: str
    path: str
    place: int = 0
    content: bytes = b""


@dataclass
class Recording:
    """The log of all files whose path begins with ``prefix``."""

    prefix: str
    steps: list[Step] = field(default_factory=list)
    # Asked before each write and sync: the error of SQLite that it ends with, or 0.
    failure: Callable[[str], int] = lambda _kind: 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, step: Step) -> None:
        with self._lock:
            self.steps.append(step)

    def holds(self, path: str) -> bool:
        return path.startswith(self.prefix) and path[len(self.prefix) :] in DURABLE_SUFFIXES


@contextmanager
def recording(base: Path) -> Iterator[Recording]:
    """Note what is written to the base and its -wal by connections that are opened meanwhile."""
    made = Recording(str(base))
    library = ctypes.CDLL(_library())
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = library.sqlite3_vfs_find(None).contents
    sound_open, sound_delete = vfs.xOpen, vfs.xDelete
    replaced = _recording_open(made, sound_open), _recording_delete(made, sound_delete)
    _kept.append(replaced)
    vfs.xOpen, vfs.xDelete = (ctypes.cast(one, ctypes.c_void_p).value for one in replaced)
    try:
        yield made
    finally:
        vfs.xOpen, vfs.xDelete = sound_open, sound_delete


def _library() -> str:
    """The file whose functions the driver calls, or one that is linked with them."""
    return str(sys.modules[sqlite_driver.connect.__module__].__file__)


def _text_at(name: int | None) -> str:
    return ctypes.string_at(name).decode() if name else ""


def _recording_open(made: Recording, address: int) -> Any:
    sound = _OPEN(address)

    def open_file(vfs: Any, name: int | None, file: Any, flags: int, out: Any) -> int:
        result = sound(vfs, name, file, flags, out)
        path = _text_at(name)
        if result == 0 and made.holds(path):
            opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
            opened.pMethods = ctypes.pointer(_recording_methods(made, path, opened.pMethods))
        return int(result)

    return _OPEN(open_file)


def _recording_methods(made: Recording, path: str, methods: Any) -> _Methods:
    sound = {name: kind(getattr(methods.contents, name)) for name, kind in _FILE_CALL.items()}

    def write(file: Any, content: int, size: int, place: int) -> int:
        failed = made.failure("write")
        if failed:
            return failed
        made.note(Step("write", path, place, ctypes.string_at(content, size)))
        return int(sound["xWrite"](file, content, size, place))

    def truncate(file: Any, size: int) -> int:
        made.note(Step("truncate", path, size))
        return int(sound["xTruncate"](file, size))

    def sync(file: Any, flags: int) -> int:
        failed = made.failure("sync")
        if failed:
            return failed
        covered = len(made.steps)
        result = int(sound["xSync"](file, flags))
        made.note(Step("sync", path, covered))
        return result

    own = _Methods()
    ctypes.pointer(own)[0] = methods.contents
    calls = [_FILE_CALL["xWrite"](write), _FILE_CALL["xTruncate"](truncate)]
    calls.append(_FILE_CALL["xSync"](sync))
    own.xWrite, own.xTruncate, own.xSync = (
        ctypes.cast(call, ctypes.c_void_p).value for call in calls
    )
    _kept.append((own, calls))
    return own


def _recording_delete(made: Recording, address: int) -> Any:
    sound = _DELETE(address)

    def delete(vfs: Any, name: int | None, is_synced: int) -> int:
        path = _text_at(name)
        if made.holds(path):
            made.note(Step("remove", path))
        return int(sound(vfs, name, is_synced))

    return _DELETE(delete)


@dataclass
class Disk:
    """What is on the disk for sure at one instant of a log, and what may be; it only goes on."""

    steps: list[Step]
    files: dict[str, bytearray | None]  # what was there when the log began; None: removed
    instant: int = 0
    _pending: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def go_to(self, instant: int) -> None:
        for number in range(self.instant, instant):
            step = self.steps[number]
            pending = self._pending[step.path]
            if step.kind != "sync":
                pending.append(number)
                continue
            while pending and pending[0] < step.place:
                self.files[step.path] = _applied(
                    self.files.get(step.path), self.steps[pending.pop(0)]
                )
        self.instant = instant

    def cut(self, luck: random.Random) -> dict[str, bytearray]:
        """The files after a power cut now: what was not synced is kept, dropped or torn."""
        found = {}
        mood = luck.choice(("kept", "dropped", "any", "any"))
        for path in self.files.keys() | self._pending.keys():
            durable = self.files.get(path)
            content = None if durable is None else bytearray(durable)
            for number in self._pending.get(path, ()):
                fate = luck.choice(("kept", "dropped", "torn")) if mood == "any" else mood
                step = self.steps[number]
                if fate == "torn" and step.kind == "write":
                    content = _torn(content, step, luck)
                elif fate == "kept":
                    content = _applied(content, step)
            if content is not None:
                found[path] = content
        return found


def _applied(content: bytearray | None, step: Step) -> bytearray | None:
    if step.kind == "remove":
        return None
    content = bytearray() if content is None else content
    if step.kind == "truncate":
        del content[step.place :]
        return content
    missing = step.place - len(content)
    if missing > 0:
        content += bytes(missing)
    content[step.place : step.place + len(step.content)] = step.content
    return content


def _torn(content: bytearray | None, step: Step, luck: random.Random) -> bytearray | None:
    """Each sector of the write is there or is not."""
    first = step.place - step.place % SECTOR
    for sector in range(first, step.place + len(step.content), SECTOR):
        if luck.random() < 0.5:
            begin = max(sector, step.place)
            part = step.content[begin - step.place : sector + SECTOR - step.place]
            content = _applied(content, step._replace(place=begin, content=part))
    return content
