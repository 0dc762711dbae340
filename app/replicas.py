"""Which base answers a read: a replica that has all that is known here, or the primary.

A replica answers from one snapshot, and is asked before every read how far it has come, so that
several of them may stand behind one address.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db import Sessions, make_engine
from app.freshness import Known, PostgresqlFreshness
from app.postgresql import READING
from app.queries.changes import last_number

# How far it has replayed the log; null for a server that follows nobody (any more).
REPLAYED = text(
    "SELECT CASE WHEN pg_is_in_recovery()"
    " THEN CAST(pg_last_wal_replay_lsn() - '0/0' AS bigint) END",
)
# The same for a server and all that follow it, for ever.
SYSTEM = text("SELECT system_identifier FROM pg_control_system()")


class ReplicaFailedError(Exception):
    """A replica gave up while it answered; the primary may be asked instead."""


class Read(NamedTuple):
    """``is_behind``: it may lack what this process knows of, and is not to be kept by anybody."""

    session: Session
    is_of_replica: bool = False
    is_behind: bool = False


class ReplicaState(NamedTuple):
    """``behind`` is a number of changes; None where there is nothing to compare."""

    state: Literal["current", "behind", "unknown", "away"]
    behind: int | None = None


class Replica:
    """Sessions on a PostgreSQL that follows the primary."""

    # After a failed attempt nobody tries for so long.
    PAUSE_SECONDS = 2.0

    def __init__(self, url: str, *, max_lag: int) -> None:
        self._engine = make_engine(url)
        # How far it has come is asked outside of the transaction, whose snapshot comes later.
        self._asking = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._max_lag = max_lag
        self._away_until = 0.0

    def open(self, stack: ExitStack, known: Known | None, least: int) -> Read | None:
        """A read that has the change ``least`` and what is ``known``, or None.

        Without ``known`` any state will do: nothing is heard of the primary.
        """
        if time.monotonic() < self._away_until:
            return None
        try:
            with ExitStack() as own:
                read = self._open(own, known, least)
                if read is not None:
                    stack.enter_context(own.pop_all())
                return read
        except DBAPIError:
            self._away_until = time.monotonic() + self.PAUSE_SECONDS
            return None

    def _open(self, stack: ExitStack, known: Known | None, least: int) -> Read | None:
        connection = stack.enter_context(self._asking.connect())
        position = _replayed(connection)
        if position is None:
            return None
        is_behind = not self.is_current(position, known)
        if is_behind and known is not None and self._max_lag == 0:
            return None
        connection.execution_options(**READING)
        session = stack.enter_context(Session(connection, expire_on_commit=False))
        needed = max(least, known.change - self._max_lag if known is not None else 0)
        if (is_behind or least) and last_number(session) < needed:
            return None
        return Read(session, is_of_replica=True, is_behind=is_behind)

    @staticmethod
    def is_current(position: int, known: Known | None) -> bool:
        return known is not None and known.position is not None and position >= known.position

    def state(self, known: Known | None) -> ReplicaState:
        """How it stands to what is known of the primary."""
        try:
            with self._asking.connect() as connection:
                position = _replayed(connection)
                if position is None:
                    return ReplicaState("away")
                with Session(connection) as session:
                    change = last_number(session)
        except DBAPIError:
            return ReplicaState("away")
        if known is None:
            return ReplicaState("unknown")
        state: Literal["current", "behind"]
        state = "current" if self.is_current(position, known) else "behind"
        return ReplicaState(state, max(0, known.change - change))

    def follows(self, primary: Sessions) -> bool:
        """Whether it is of this primary; raises DBAPIError where one of them is away."""
        with primary.read() as session, self._engine.connect() as connection:
            return bool(session.scalar(SYSTEM) == connection.scalar(SYSTEM))

    def dispose(self) -> None:
        self._engine.dispose()


def _replayed(connection: Connection) -> int | None:
    position: int | None = connection.scalar(REPLAYED)
    connection.rollback()  # as SQLAlchemy counts; the server is in no transaction
    return position


class Reads:
    """Where reads of those who show no key are answered.

    With a replica they are answered by it, if it has all that this process knows of. Who asks for
    a change that it lacks is answered by the primary. Nobody waits. While the primary is away
    the replica answers what it has.
    """

    def __init__(
        self,
        primary: Sessions,
        replica: Replica | None = None,
        freshness: PostgresqlFreshness | None = None,
    ) -> None:
        self._primary = primary
        self.replica = replica
        self._freshness = freshness
        self.counts: Counter[str] = Counter()

    @contextmanager
    def open(self, least: int = 0, *, only_primary: bool = False) -> Iterator[Read]:
        """A read that has the change ``least``, if it was made at all.

        Raises ReplicaFailedError instead of what the replica's driver raises.
        """
        with ExitStack() as stack:
            read = self._choose(stack, least, only_primary=only_primary)
            self.counts["replica" if read.is_of_replica else "primary"] += 1
            try:
                yield read
            except DBAPIError as error:
                if not read.is_of_replica:
                    raise
                self.counts["replica_failed"] += 1
                raise ReplicaFailedError from error

    def _choose(self, stack: ExitStack, least: int, *, only_primary: bool) -> Read:
        if self.replica is None or self._freshness is None or only_primary:
            return Read(stack.enter_context(self._primary.read()))
        known = self._freshness.known()
        if known is None and self._freshness.is_away:
            read = self.replica.open(stack, None, least)
            return read or self._of_primary(stack)
        read = self.replica.open(stack, known, least) if known is not None else None
        try:
            return read or self._of_primary(stack)
        except DBAPIError:
            read = self.replica.open(stack, None, least)
            if read is None:
                raise
            return read

    def _of_primary(self, stack: ExitStack) -> Read:
        """One that is connected, so that a primary that is away is noticed now."""
        session = stack.enter_context(self._primary.read())
        session.connection()
        return Read(session)

    def replica_state(self) -> ReplicaState | None:
        if self.replica is None or self._freshness is None:
            return None
        return self.replica.state(self._freshness.known())
