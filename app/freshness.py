"""Whether the base is still as it was: asked before every cached answer, so it has to be cheap.

``stamp()`` is a value that differs once anything was committed, or None while that cannot be
known: then nothing is answered from a cache. After a commit ``stands()`` tells of one condition
whether it is still as it was.
"""

import logging
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from app.commands.changes import TouchedBy
from app.db import make_engine, sqlite_driver, sqlite_path
from app.models.changes import COMMITS_CHANNEL
from app.models.condition_stamps import EVERYTHING_ELSE
from app.queries.stamps import About

logger = logging.getLogger("claimbase")
NEVER = float("-inf")


class Stamp(NamedTuple):
    """Of one moment of a base. ``base`` is another one after a file was put in its place."""

    base: int
    commits: int


class Freshness(Protocol):
    knows_conditions: bool

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def stamp(self) -> Stamp | None: ...

    def stands(self, about: About, since: Stamp) -> bool:
        """Whether nothing was committed about the condition since then: about what was made
        after ``since`` was the stamp.

        False where it is not known.
        """

    def has(self, change: int) -> bool:
        """Whether the stamp of this moment, and each later one, is of a base with the change.

        False where that is not known without asking the base.
        """

    def note_own_commit(self, change: int | None = None, touched: TouchedBy | None = None) -> None:
        """This process has committed; all conditions may be changed where none are named."""


class NeverFresh:
    """Nothing is known of the base, and so nothing is cached."""

    knows_conditions = False

    def start(self) -> None:
        return

    def stop(self) -> None:
        return

    def stamp(self) -> Stamp | None:
        return None

    def stands(self, about: About, since: Stamp) -> bool:  # noqa: ARG002 - the protocol's
        return False

    def has(self, change: int) -> bool:  # noqa: ARG002 - the protocol's
        return False

    def note_own_commit(
        self,
        change: int | None = None,  # noqa: ARG002 - the protocol's
        touched: TouchedBy | None = None,  # noqa: ARG002 - the protocol's
    ) -> None:
        return


class SqliteFreshness:
    """``PRAGMA data_version`` on a connection of its own that never writes and is never in a
    transaction: it changes with every commit of any other connection, whatever program it is.

    A file that was put in the place of the base is another one: its inode tells, within
    ``LOOK_SECONDS``.
    """

    LOOK_SECONDS = 0.05
    STAMPS = "SELECT condition_id, stamp FROM condition_stamps WHERE condition_id IN (?, ?)"
    knows_conditions = True

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._looked_at = 0.0
        self._connection: Any = None
        self._inode = 0
        self._replaced = 0
        self._last = Stamp(0, 0)

    def start(self) -> None:
        self._inode = os.stat(self._path).st_ino  # noqa: PTH116 - ten times as fast
        self._connection = sqlite_driver.connect(
            self._path, isolation_level=None, timeout=0, check_same_thread=False
        )

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def stamp(self) -> Stamp | None:
        if self._connection is None:
            return None
        try:
            self._look_at_the_file()
            [version] = self._connection.execute("PRAGMA data_version").fetchone()
        except (OSError, sqlite_driver.Error):
            return None
        if self._last.commits != version or self._last.base != self._replaced:
            self._last = Stamp(self._replaced, version)
        return self._last

    def stands(self, about: About, since: Stamp) -> bool:  # noqa: ARG002 - the protocol's
        """Of a snapshot that has all that the last stamp had; if it has more, the next differs."""
        if self._connection is None:
            return False
        try:
            named = (EVERYTHING_ELSE, about.condition_id)
            rows = self._connection.execute(self.STAMPS, named).fetchall()
        except sqlite_driver.Error:
            return False
        return About.of(about.condition_id, rows) == about

    def _look_at_the_file(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self.LOOK_SECONDS:
            return
        self._looked_at = now
        if os.stat(self._path).st_ino != self._inode:  # noqa: PTH116 - as above
            self._replaced += 1
            self.stop()
            self.start()

    def has(self, change: int) -> bool:  # noqa: ARG002 - the protocol's
        return False

    def note_own_commit(
        self,
        change: int | None = None,  # noqa: ARG002 - the protocol's
        touched: TouchedBy | None = None,  # noqa: ARG002 - the protocol's
    ) -> None:
        return  # it is another connection's, and so seen


class Known(NamedTuple):
    """What this process knows of a primary, all of one moment.

    ``position`` is one in its log: who has replayed the log until there has all that was
    committed by then. None after a commit of this process, until the primary was asked again.
    """

    stamp: int
    change: int
    position: int | None


class LastTouched:
    """The stamp at which each condition was last changed."""

    MOST = 10_000

    def __init__(self) -> None:
        self._stamps: dict[int, int] = {}
        self._of_all = 0

    def note(self, conditions: Collection[int] | None, stamp: int) -> None:
        """``conditions`` is None where any may have been changed."""
        if (
            conditions is None
            or EVERYTHING_ELSE in conditions
            or len(self._stamps) + len(conditions) > self.MOST
        ):
            self._of_all = stamp
            self._stamps.clear()
        else:
            self._stamps |= dict.fromkeys(conditions, stamp)

    def is_later(self, condition_id: int, stamp: int) -> bool:
        return max(self._of_all, self._stamps.get(condition_id, 0)) > stamp


class PostgresqlFreshness:
    """A thread that listens for the notice that every change of ours sends with its commit.

    A commit of this process counts at once. As a safety net for other programs the thread looks
    each ``POLL_SECONDS`` whether any transaction has written. While it has no connection, or has
    heard nothing for ``SILENCE_SECONDS``, there is no stamp, and after each new connection all is
    taken for changed.

    Which conditions were changed is written in ``touched_conditions``, by each transaction under
    its number: between two looks those were, whose number the former snapshot does not see, and
    which this process has not noted itself, at its commit. A row is deleted ``KEPT_SECONDS`` after
    its transaction had ended.
    """

    POLL_SECONDS = 1.0
    SILENCE_SECONDS = 4.0
    # A snapshot is another one after every transaction that wrote, in whatever order they end.
    # Both positions are taken after it. ``written`` may not be on disk yet, and so not on its
    # way to a replica; what of it is no commit can stay there for many seconds.
    # A number that this snapshot does not see came from another server, with a copy of the base.
    LOOK = text(
        "SELECT CAST(pg_current_snapshot() AS text) AS snapshot,"
        " CAST(pg_current_wal_insert_lsn() - '0/0' AS bigint) AS written,"
        " CAST(pg_current_wal_flush_lsn() - '0/0' AS bigint) AS on_disk,"
        " coalesce((SELECT max(number) FROM changes), 0) AS change,"
        " ARRAY(SELECT DISTINCT condition_id FROM touched_conditions"
        " WHERE written_by >= CAST(CAST(pg_snapshot_xmin(CAST(:before AS pg_snapshot)) AS text)"
        " AS bigint) AND NOT pg_visible_in_snapshot(CAST(CAST(written_by AS text) AS xid8),"
        " CAST(:before AS pg_snapshot)) AND written_by <> ALL(CAST(:own AS bigint[]))"
        " AND pg_visible_in_snapshot("
        "CAST(CAST(written_by AS text) AS xid8), pg_current_snapshot()) LIMIT :most) AS touched",
    )
    FORGET = text(
        "DELETE FROM touched_conditions WHERE written_by <"
        " CAST(CAST(pg_snapshot_xmin(CAST(:before AS pg_snapshot)) AS text) AS bigint)",
    )
    KEPT_SECONDS = 60.0
    LONGEST_SECONDS = 30.0  # between two looks
    # After it every commit is on disk, also one of a program that does not wait for that.
    SETTLED_SECONDS = 0.9
    knows_conditions = True

    def __init__(self, url: str) -> None:
        self._engine: Engine = make_engine(url)
        self._lock = threading.Lock()
        self._known = Known(0, 0, None)
        self._own_commits = 0
        self._own: set[int] = set()  # numbers of transactions that were noted, until a look
        self._last_touched = LastTouched()
        self._looked_at = NEVER
        self._former: tuple[str, float] | None = None  # a snapshot, and when it was taken
        self._changed_at = NEVER
        self._heard_at = NEVER
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_away = False  # whether the last attempt to reach the primary failed

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._engine.dispose()

    def known(self) -> Known | None:
        """None while nothing is heard of the primary."""
        is_silent = time.monotonic() - self._heard_at > self.SILENCE_SECONDS
        return None if is_silent else self._known

    def stamp(self) -> Stamp | None:
        known = self.known()
        return None if known is None else Stamp(0, known.stamp)

    def stands(self, about: About, since: Stamp) -> bool:
        if self.known() is None:
            return False
        with self._lock:
            return not self._last_touched.is_later(about.condition_id, since.commits)

    def has(self, change: int) -> bool:
        known = self.known()
        return known is not None and known.change >= change

    def note_own_commit(self, change: int | None = None, touched: TouchedBy | None = None) -> None:
        with self._lock:
            if change is not None and self._known.change >= change:
                return  # its notice was quicker
            self._own_commits += 1
            stamp = self._known.stamp + 1
            self._last_touched.note(touched and touched.conditions, stamp)
            if touched is not None and len(self._own) < LastTouched.MOST:
                self._own.add(touched.written_by)
            self._known = self._known._replace(stamp=stamp, position=None)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._listen()
            except DBAPIError:
                logger.warning("the base is away: nothing is answered from the cache")
            except Exception:
                logger.exception("the listener for commits failed; it is started again")
            was_reached = self._heard_at != NEVER
            self._heard_at = NEVER
            if not was_reached:
                self.is_away = True
                self._ending.wait(self.POLL_SECONDS)

    def _listen(self) -> None:
        listening = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with listening.connect() as connection:
            connection.execute(text(f"LISTEN {COMMITS_CHANNEL}"))
            driver: Any = connection.connection.driver_connection
            snapshot = None
            while not self._ending.is_set():
                snapshot = self.look(connection, snapshot)
                list(driver.notifies(timeout=self.POLL_SECONDS, stop_after=1))

    def look(self, connection: Connection, before: str | None) -> str:
        """Take in what was committed since the snapshot ``before``; the present snapshot.

        The connection is in no transaction. None counts all conditions as changed.
        """
        own_commits, former_look, self._looked_at = (
            self._own_commits,
            self._looked_at,
            time.monotonic(),
        )
        with self._lock:
            own = frozenset(self._own)  # committed, so that the snapshot has them
        asked = {"before": before, "most": LastTouched.MOST, "own": list(own)}
        snapshot, written, on_disk, change, found = connection.execute(self.LOOK, asked).one()
        now = time.monotonic()
        # Of so many, or after so long, some may be missing.
        is_whole = before is not None and len(found) < LastTouched.MOST
        touched = found if is_whole and now - former_look < self.LONGEST_SECONDS else None
        with self._lock:
            self._own -= own
            known = self._known
            if snapshot != before:
                self._changed_at = now
                self._last_touched.note(touched, known.stamp + 1)
                known = known._replace(stamp=known.stamp + 1, position=written)
            elif known.position is None:
                known = known._replace(position=written)
            elif now - self._changed_at > self.SETTLED_SECONDS:
                known = known._replace(position=min(known.position, on_disk))
            if self._own_commits != own_commits:  # one that the snapshot may lack
                known = known._replace(position=None)
            self._known = known._replace(change=change)
        self._heard_at, self.is_away = now, False
        self._forget(connection, str(snapshot), now)
        return str(snapshot)

    def _forget(self, connection: Connection, snapshot: str, now: float) -> None:
        """Whoever looks next has seen every transaction that had ended so long ago."""
        if self._former is not None and now - self._former[1] < self.KEPT_SECONDS:
            return
        if self._former is not None:
            try:
                connection.execute(self.FORGET, {"before": self._former[0]})
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                logger.debug("what was touched is not forgotten here: %s", error)  # may not write
        self._former = snapshot, now


def freshness_of(url: str) -> Freshness:
    path = sqlite_path(url)
    if path is not None:
        return SqliteFreshness(path)
    if make_url(url).get_backend_name() == "postgresql":
        return PostgresqlFreshness(url)
    return NeverFresh()
