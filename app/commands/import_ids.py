"""Numbers for new rows, before the rows are written."""

from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session

from app.models import Model, Revision

RESERVED_AT_ONCE = 1_000


class NewIds:
    """The next ids of a table, as the database itself would give them.

    PostgreSQL's sequence is asked for them; on SQLite nobody else writes meanwhile. An id that
    a deleted record had is not given again.
    """

    def __init__(
        self, session: Session, model: type[Model], record_type: str | None = None
    ) -> None:
        self._session = session
        self._table = cast("Table", model.__table__)
        self._record_type = record_type
        self._ids = self._reserve()

    def __next__(self) -> int:
        return next(self._ids)

    def _reserve(self) -> Iterator[int]:
        if self._session.get_bind().dialect.name == "postgresql":
            while True:
                yield from self._from_sequence()
        number = self._highest()
        while True:
            number += 1
            yield number

    def _from_sequence(self) -> list[int]:
        statement = text(
            "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)",
        )
        values: dict[str, Any] = {"name": self._table.fullname, "count": RESERVED_AT_ONCE}
        return list(self._session.scalars(statement, values))

    def _highest(self) -> int:
        highest = self._session.scalar(select(func.max(self._table.c.id))) or 0
        if self._record_type is not None:
            former = select(func.max(Revision.record_id)).where(
                Revision.record_type == self._record_type,
            )
            highest = max(highest, self._session.scalar(former) or 0)
        return int(highest)
