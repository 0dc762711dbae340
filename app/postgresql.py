"""Connections to PostgreSQL, with few ways to the server besides what is asked of it."""

import time
from select import POLLIN, poll
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from app.driver import executed
from app.json_parts import as_text

# Unless the URL says otherwise: a server that is silent counts as away.
DEADLINES = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
# A connection that was idle for longer is asked whether it lives: what stands between may have
# dropped it.
TRUSTED_SECONDS = 5.0
# An option of an engine or a connection: one snapshot for all statements of a transaction.
# PostgreSQL would show each what was committed before it: one side of a conflict without the other.
READING = {"postgresql_begin": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}
# With ``READING``: milliseconds for each statement of the transaction.
LIMIT = "claimbase_limit"
_USED_AT = "claimbase_used_at"


class _Connection(psycopg.Connection[Any]):
    """Ends what only read by COMMIT: after a ROLLBACK it forgets what it has prepared.

    ``only_reads`` is said at each beginning of a transaction.
    """

    only_reads = False

    def rollback(self) -> None:
        status = self.pgconn.transaction_status
        if status == TransactionStatus.IDLE:
            return
        if self.only_reads and status == TransactionStatus.INTRANS:
            self.commit()
        else:
            super().rollback()


def make_postgresql_engine(url: URL) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    deadlines = {name: value for name, value in DEADLINES.items() if name not in url.query}
    engine = create_engine(
        url,
        hide_parameters=True,
        json_serializer=as_text,
        # What was used last has prepared the most.
        pool_use_lifo=True,
        # Transactions are begun here, as they are with SQLite.
        isolation_level="AUTOCOMMIT",
        # Nothing is prepared by the server that does not ask for it; see ``server_prepares``.
        connect_args=deadlines | {"prepare_threshold": None},
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", lambda *given: look_whether_it_lives(engine.dialect, *given))
    return engine


def _connect(_dialect: Any, _record: Any, given: Any, named: Any) -> psycopg.Connection[Any]:
    return _Connection.connect(*given, **named)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    driver: Any = connection.connection.driver_connection
    driver.only_reads = "postgresql_begin" in options
    if driver.only_reads:
        limit = f"; SET LOCAL statement_timeout = {int(options[LIMIT])}" if LIMIT in options else ""
        executed(connection, options["postgresql_begin"] + limit).close()
    elif options.get("isolation_level") != "AUTOCOMMIT":
        executed(connection, "BEGIN").close()


def _note_use(_connection: Any, record: Any) -> None:
    record.info[_USED_AT] = time.monotonic()


def look_whether_it_lives(dialect: Dialect, connection: Any, record: Any, _proxy: Any) -> None:
    """Raises InvalidatePoolError where it does not, upon which the pool makes new ones.

    A server that ends a connection says so, and this can be seen without asking it.
    """
    used_at = record.info.get(_USED_AT)
    if used_at is None:
        return  # it is new
    if time.monotonic() - used_at < TRUSTED_SECONDS and not _is_told_something(connection):
        return
    try:
        dialect.do_ping(connection)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _is_told_something(connection: psycopg.Connection[Any]) -> bool:
    if connection.closed:
        return True
    looking = poll()
    looking.register(connection.fileno(), POLLIN)
    return bool(looking.poll(0))
