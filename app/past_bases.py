"""Pasts of conditions, each a base of its own in memory, kept for a while.

What has happened does not change, so that a base that was built once serves all who ask for it.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from app.queries.moments import Moment
from app.queries.past import fill_past

KEPT_BASES = 32
KEPT_BYTES = 128 * 1024 * 1024
Key = tuple[int, int, str]


class _Kept:
    """A base that is only copied from, by one at a time."""

    def __init__(self, connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        self.size: int = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        connection.rollback()
        driver: Any = connection.dialect.dbapi
        self._own = driver.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        _raw(connection).backup(self._own)

    def copy_into(self, connection: Connection) -> None:
        with self._lock:
            self._own.backup(_raw(connection))

    def __del__(self) -> None:
        self._own.close()  # whoever still copies holds a reference


def _raw(connection: Connection) -> Any:
    return connection.connection.driver_connection


class PastBases:
    """The bases that were asked for last, of one process; safe to use from several threads.

    ``engine`` makes each connection a base of its own in memory.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    @contextmanager
    def open(self, live: Session, condition_id: int, moment: Moment) -> Iterator[Session]:
        """A session on the past of a condition. ``live`` is read where it is not at hand."""
        # The digest tells a restored base from the one before.
        key = (condition_id, moment.number, moment.digest)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
        if kept is None:
            kept = self._build(live, condition_id, moment)
            self._keep(key, kept)
        with self._engine.connect() as connection:
            kept.copy_into(connection)
            with Session(connection, expire_on_commit=False) as session:
                yield session

    def _build(self, live: Session, condition_id: int, moment: Moment) -> _Kept:
        with self._engine.connect() as connection:
            with Session(connection) as session:
                fill_past(live, session, condition_id, moment)
                session.commit()
            return _Kept(connection)

    def _keep(self, key: Key, base: _Kept) -> None:
        with self._lock:
            self._kept[key] = base
            while len(self._kept) > KEPT_BASES or (
                len(self._kept) > 1 and sum(b.size for b in self._kept.values()) > KEPT_BYTES
            ):
                self._kept.popitem(last=False)
