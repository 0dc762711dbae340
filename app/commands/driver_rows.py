"""Rows as the driver takes them: made once, kept anywhere, and written without another look."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import JSON, Column, DateTime, Dialect, Enum, Table
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.driver import executed, server_prepares
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
        table = cast("Table", model.__table__)
        return _driver_rows(session.get_bind().dialect, table, tuple(columns))

    def row(self, values: Mapping[str, Any]) -> DriverRow:
        return self.row_of(self.pick(values))

    def row_of(self, values: Iterable[Any]) -> DriverRow:
        """Of values in the order of the columns."""
        picked = list(values)
        for at, process in self.processes:
            picked[at] = process(picked[at])
        return tuple(picked)


@lru_cache(maxsize=100)
def _driver_rows(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> DriverRows:
    """Made once: each edit writes some."""
    quoted = dialect.identifier_preparer
    names = ", ".join(quoted.format_column(table.c[name]) for name in columns)
    marks = ", ".join([mark(dialect)] * len(columns))
    found = ((at, _process(table.c[name], dialect)) for at, name in enumerate(columns))
    return DriverRows(
        f"INSERT INTO {quoted.format_table(table)} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own tables
        itemgetter(*columns),
        tuple((at, process) for at, process in found if process is not None),
    )


def write_driver_rows(session: Session, statement: str, rows: Sequence[DriverRow]) -> None:
    """Execute a statement with ``mark`` for each value, once for each row."""
    if not rows:
        return
    connection = session.connection()
    if len(rows) == 1:
        executed(connection, statement, rows[0], prepare=True).close()
    else:
        with server_prepares(connection):
            connection.exec_driver_sql(statement, list(rows))


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
    process = kind.bind_processor(dialect)
    if process is None:
        return None
    if isinstance(inner, DateTime):
        return lru_cache(maxsize=10)(process)  # the rows of a change have few moments
    if isinstance(inner, Enum) and inner.enum_class is not None:
        # Looked up in one step: each row has several.
        found: dict[Any, Any] = {one: process(one) for one in (None, *inner.enum_class)}
        return found.__getitem__
    return process


def _written_out(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
