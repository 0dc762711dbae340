"""Whether the base is still as it was: asked before every cached answer, so it has to be cheap.

``stamp()`` is a value that differs once anything was committed, or None while that cannot be
known: then nothing is answered from a cache.
"""

import logging
import os
import threading
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from app.db import make_engine, sqlite_driver, sqlite_path
from app.models.changes import COMMITS_CHANNEL

logger = logging.getLogger("claimbase")


class Freshness(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def stamp(self) -> Hashable | None: ...
    def note_own_commit(self) -> None: ...


class NeverFresh:
    """Nothing is known of the base, and so nothing is cached."""

    def start(self) -> None:
        return

    def stop(self) -> None:
        return

    def stamp(self) -> Hashable | None:
        return None

    def note_own_commit(self) -> None:
        return


class SqliteFreshness:
    """``PRAGMA data_version`` on a connection of its own that never writes and is never in a
    transaction: it changes with every commit of any other connection, whatever program it is.

    A file that was put in the place of the base is another one: its inode tells, within
    ``LOOK_SECONDS``.
    """

    LOOK_SECONDS = 0.05

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._looked_at = 0.0
        self._connection: Any = None
        self._inode = 0
        self._replaced = 0

    def start(self) -> None:
        self._inode = os.stat(self._path).st_ino  # noqa: PTH116 - ten times as fast
        self._connection = sqlite_driver.connect(
            self._path, isolation_level=None, timeout=0, check_same_thread=False
        )

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def stamp(self) -> Hashable | None:
        if self._connection is None:
            return None
        try:
            self._look_at_the_file()
            [version] = self._connection.execute("PRAGMA data_version").fetchone()
        except (OSError, sqlite_driver.Error):
            return None
        return (self._replaced, version)

    def _look_at_the_file(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self.LOOK_SECONDS:
            return
        self._looked_at = now
        if os.stat(self._path).st_ino != self._inode:  # noqa: PTH116 - as above
            self._replaced += 1
            self.stop()
            self.start()

    def note_own_commit(self) -> None:
        return  # it is another connection's, and so seen


class PostgresqlFreshness:
    """A thread that listens for the notice that every change of ours sends with its commit.

    A commit of this process counts at once. As a safety net for other programs the thread looks
    each ``POLL_SECONDS`` whether any transaction has written. While it has no connection there is
    no stamp, and after each new one all is taken for changed.
    """

    POLL_SECONDS = 1.0

    def __init__(self, url: str) -> None:
        self._engine: Engine = make_engine(url)
        self._count = 0
        self._is_listening = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._engine.dispose()

    def stamp(self) -> Hashable | None:
        return self._count if self._is_listening else None

    def note_own_commit(self) -> None:
        self._count += 1

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._listen()
            except DBAPIError:
                logger.warning("the base is away: nothing is answered from the cache")
            except Exception:
                logger.exception("the listener for commits failed; it is started again")
            self._is_listening = False
            self._ending.wait(self.POLL_SECONDS)

    def _listen(self) -> None:
        listening = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with listening.connect() as connection:
            connection.execute(text(f"LISTEN {COMMITS_CHANNEL}"))
            driver: Any = connection.connection.driver_connection
            written = None
            while not self._ending.is_set():
                now = connection.scalar(text("SELECT pg_snapshot_xmax(pg_current_snapshot())"))
                if now != written:
                    written, self._count = now, self._count + 1
                self._is_listening = True
                for _ in driver.notifies(timeout=self.POLL_SECONDS, stop_after=1):
                    self._count += 1


def freshness_of(url: str) -> Freshness:
    path = sqlite_path(url)
    if path is not None:
        return SqliteFreshness(path)
    if make_url(url).get_backend_name() == "postgresql":
        return PostgresqlFreshness(url)
    return NeverFresh()
