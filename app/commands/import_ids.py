"""Ids for the new records of an import, given before anything is locked."""

from collections import deque
from typing import Any, cast

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from app.models import Citation, Claim, Concept, Condition, Conflict, Document, Passage, Revision

RESERVED_AT_ONCE = 1_000
TABLES = {
    "concept": Concept,
    "condition": Condition,
    "document": Document,
    "passage": Passage,
    "claim": Claim,
    "citation": Citation,
    "conflict": Conflict,
}
NOT_RECORDED = {"passage", "citation"}


class NewIds:
    """The next ids of each table, as the database itself would give them.

    PostgreSQL's sequences are asked for them. SQLite has none: there the ids begin behind the
    highest, ``gap`` further on, and whether they are still free is looked at under the lock.
    An id that a deleted record had is not given again.
    """

    def __init__(self, session: Session, writers: sessionmaker[Session], gap: int = 0) -> None:
        self._writers = writers
        self._reserved: dict[str, deque[int]] = {}
        self._first: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._has_sequences = session.get_bind().dialect.name == "postgresql"
        if not self._has_sequences:
            self._first = {name: _highest(session, name) + 1 + gap for name in TABLES}
            self._next = dict(self._first)

    def take(self, name: str, count: int = 1) -> list[int]:
        """New ids for this many rows, ascending; ``name`` is one of ``TABLES``."""
        if self._has_sequences:
            return self._from_sequence(name, count)
        first = self._next[name]
        self._next[name] = first + count
        return list(range(first, first + count))

    def are_free(self, session: Session) -> bool:
        """Whether nobody else took any meanwhile. ``session`` holds the lock."""
        return all(
            _highest(session, name) < self._first[name]
            for name in self._first
            if self._next[name] > self._first[name]
        )

    def _from_sequence(self, name: str, count: int) -> list[int]:
        reserved = self._reserved.setdefault(name, deque())
        if len(reserved) < count:
            statement = text(
                "SELECT nextval(pg_get_serial_sequence(:name, 'id'))"
                " FROM generate_series(1, :count)",
            )
            table = cast("Table", TABLES[name].__table__)
            values: dict[str, Any] = {
                "name": table.fullname,
                "count": max(count, RESERVED_AT_ONCE),
            }
            with self._writers() as session:  # one that only reads may not ask a sequence
                reserved.extend(session.scalars(statement, values))
        return [reserved.popleft() for _ in range(count)]


def _highest(session: Session, name: str) -> int:
    columns: Any = TABLES[name]
    highest = session.scalar(select(func.max(columns.id))) or 0
    if name not in NOT_RECORDED:
        former = select(func.max(Revision.record_id)).where(Revision.record_type == name)
        highest = max(highest, session.scalar(former) or 0)
    return int(highest)
