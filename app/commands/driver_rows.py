"""Rows as the driver takes them: made once, kept anywhere, and written without another look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import JSON, Column, DateTime, Dialect, Table
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.models import Model

DriverRow = tuple[Any, ...]
Process = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class DriverRows:
    """Makes and inserts the rows of some columns of one table.

    What it makes are numbers, texts and None, so that it can be kept on disk meanwhile. A
    column of JSON takes the text that is to be stored.
    """

    statement: str
    pick: Callable[[Mapping[str, Any]], DriverRow]
    processes: tuple[tuple[int, Process], ...]

    @classmethod
    def of(cls, session: Session, model: type[Model], columns: Sequence[str]) -> "DriverRows":
        dialect = session.get_bind().dialect
        table = cast("Table", model.__table__)
        quoted = dialect.identifier_preparer
        names = ", ".join(quoted.format_column(table.c[name]) for name in columns)
        marks = ", ".join([mark(dialect)] * len(columns))
        found = ((at, _process(table.c[name], dialect)) for at, name in enumerate(columns))
        return cls(
            f"INSERT INTO {quoted.format_table(table)} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own tables
            itemgetter(*columns),
            tuple((at, process) for at, process in found if process is not None),
        )

    def row(self, values: Mapping[str, Any]) -> DriverRow:
        picked = list(self.pick(values))
        for at, process in self.processes:
            picked[at] = process(picked[at])
        return tuple(picked)


def write_driver_rows(session: Session, statement: str, rows: Sequence[DriverRow]) -> None:
    """Execute a statement with ``mark`` for each value, once for each row."""
    if rows:
        session.connection().exec_driver_sql(statement, list(rows))


def mark(dialect: Dialect) -> str:
    """What stands for a value in a statement of the driver."""
    return "?" if dialect.paramstyle == "qmark" else "%s"


def _process(column: Column[Any], dialect: Dialect) -> Process | None:
    kind: TypeEngine[Any] = column.type.dialect_impl(dialect)
    inner = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if isinstance(inner, JSON):
        return None
    if isinstance(inner, DateTime) and dialect.name == "postgresql":
        return _written_out
    return kind.bind_processor(dialect)


def _written_out(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
