"""Engines and sessions. Only composition roots, ``app.deps`` and migrations import this."""

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, QueuePool

from app.driver import executed
from app.json_parts import as_text
from app.postgresql import READING, make_postgresql_engine

try:
    from pysqlite3 import dbapi2 as _driver
except ImportError:  # no wheel for this platform
    import sqlite3 as _driver

sqlite_driver: Any = _driver

BUSY_TIMEOUT_MS = 5_000
# Of a connection. With SQLite's 2,000 a search for a rare word in a million claims reads its own
# pages twice.
CACHED_KIB = 8_000
# Versions before it can corrupt a file in WAL mode that several connections write.
FIRST_SAFE_SQLITE = (3, 51, 3)


class Sessions(NamedTuple):
    read: sessionmaker[Session]
    write: sessionmaker[Session]


def sqlite_is_safe_for_several_writers() -> bool:
    return tuple(sqlite_driver.sqlite_version_info) >= FIRST_SAFE_SQLITE


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for other databases and for one in memory."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return None if parsed.database == ":memory:" else Path(parsed.database)


def make_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return make_postgresql_engine(parsed)
    engine = create_engine(
        parsed,
        module=sqlite_driver,
        poolclass=QueuePool,
        # What somebody wrote is in the memory of their connection; all others read it anew.
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=as_text,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_memory_engine() -> Engine:
    """Each connection is a base of its own in memory, and is gone when it is closed."""
    engine = create_engine(
        "sqlite://",
        module=sqlite_driver,
        poolclass=NullPool,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up_memory)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def make_sessions(engine: Engine) -> Sessions:
    # A SQLite writer takes its lock at BEGIN and waits its turn. Taken later, after
    # a read, the lock fails at once with "database is locked".
    return Sessions(
        read=sessionmaker(_reading(engine), expire_on_commit=False),
        write=sessionmaker(writing(engine), expire_on_commit=False),
    )


def writing(engine: Engine) -> Engine:
    """The engine with its transactions begun as a writer's."""
    return engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")


def _reading(engine: Engine) -> Engine:
    """The engine with one snapshot for all statements of a transaction, as SQLite has it anyway."""
    return engine.execution_options(**READING) if engine.dialect.name == "postgresql" else engine


def create_sqlite_file(url: str) -> None:
    """Make the file of a SQLite URL, in WAL mode; nothing if it is there.

    WAL is a property of the file: set once, here, because setting it takes a lock that
    several starting workers would fight for.
    """
    path = sqlite_path(url)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    os.close(descriptor)
    with closing(sqlite_driver.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        _set_wal(connection)


def _set_wal(connection: Any) -> None:
    """Two that set it at once do not wait for each other: one is told "locked" and tries again."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite_driver.OperationalError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver leaves BEGIN to _begin_sqlite
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute(f"PRAGMA cache_size = -{CACHED_KIB}")
    _give_functions(connection)


def _set_up_memory(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    _give_functions(connection)


def _give_functions(connection: Any) -> None:
    # Its own knows ASCII only; PostgreSQL's knows all letters.
    connection.create_function("lower", 1, _lowered, deterministic=True)


def _lowered(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    executed(connection, begin).close()
