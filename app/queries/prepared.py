"""Statements that are compiled once and then handed to the driver as they are.

SQLAlchemy finds a statement by its parts and describes its result each time that it is
executed. That takes longer than a database takes for one row, and an edit has twenty.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Dialect, Enum, Insert, Select, Update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from app.driver import driver_errors, executed, server_prepares

FEW = 4
NO_VALUES: Mapping[str, Any] = {}
Process = Callable[[Any], Any]
_Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """What is executed in it is taken back if it fails. Nothing of the session waits meanwhile."""
    connection = session.connection()
    executed(connection, "SAVEPOINT tried").close()
    try:
        yield
    except BaseException:
        if connection.invalidated:  # it was lost, and its savepoint with it
            raise
        executed(connection, "ROLLBACK TO SAVEPOINT tried").close()
        executed(connection, "RELEASE SAVEPOINT tried").close()
        raise
    executed(connection, "RELEASE SAVEPOINT tried").close()


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A statement of tables, not of models; values are bound by name.

    A list is the value of an expanding parameter of ``IN``. Values of an insert or an update that
    are named as columns are written. Rows are named tuples of what is selected, each named once;
    those of ``plain`` are tuples, for where there are many. ``depends``: how it is best answered
    depends on the values, as with filters, and PostgreSQL plans it anew for each.
    """

    statement: Any
    plain: bool = False
    depends: bool = False

    def all(self, session: Session, values: Mapping[str, Any] = NO_VALUES) -> list[Any]:
        connection, compiled, cursor = self._executed(session, values)
        # SQLite goes on reading here, and may be broken off.
        with driver_errors(connection, compiled.text, cursor):
            rows = cursor.fetchall()
        reading = compiled.reading
        if reading is None:
            columns = self.statement.selected_columns
            reading = _reading(columns, compiled.dialect, cursor.description, plain=self.plain)
            compiled.reading = reading
        cursor.close()
        return reading.rows(rows)

    def first(self, session: Session, values: Mapping[str, Any] = NO_VALUES) -> Any:
        """The first row; None if there is none."""
        rows = self.all(session, values)
        return rows[0] if rows else None

    def run(self, session: Session, values: Mapping[str, Any]) -> int:
        """The number of rows that it changed."""
        *_, cursor = self._executed(session, values)
        count: int = cursor.rowcount
        cursor.close()
        return count

    def run_each(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each of these, which name the same values."""
        if len(rows) == 1:
            self.run(session, rows[0])
        elif rows:
            connection = session.connection()
            compiled = self._compiled(connection, rows[0])
            with server_prepares(connection):
                connection.exec_driver_sql(compiled.text, [compiled.bound(row) for row in rows])

    def _executed(
        self, session: Session, values: Mapping[str, Any]
    ) -> tuple[Connection, "_Compiled", DBAPICursor]:
        connection = session.connection()
        compiled = self._compiled(connection, values)
        bound = compiled.bound(values)
        cursor = executed(connection, compiled.text, bound, prepare=not self.depends)
        return connection, compiled, cursor

    def _compiled(self, connection: Connection, values: Mapping[str, Any]) -> "_Compiled":
        shape = tuple(_room(len(own)) if type(own) is list else None for own in values.values())
        return _compiled(self.statement, connection.dialect, tuple(values), shape)


class _Marks(NamedTuple):
    """One mark in the text of a statement, or as many as a list has.

    ``source`` names the value that is bound to them; None where it is always the same.
    """

    names: Sequence[str]
    source: str | None
    is_list: bool
    process: Process | None
    always: Any


@dataclass(slots=True)
class _Compiled:
    """``reading`` is there once the driver has told the types of the columns."""

    dialect: Dialect
    text: str
    is_positional: bool
    marks: Sequence[_Marks]
    reading: "_Reading | None" = None

    def bound(self, values: Mapping[str, Any]) -> Any:
        found: list[Any] = []
        for names, source, is_list, process, always in self.marks:
            if source is None:
                found.append(always)
            elif is_list:
                own = values[source] if process is None else [*map(process, values[source])]
                found += own
                found += [own[-1]] * (len(names) - len(own))
            else:
                found.append(values[source] if process is None else process(values[source]))
        if self.is_positional:
            return tuple(found)
        named = (name for marks in self.marks for name in marks.names)
        return dict(zip(named, found, strict=True))


class _Reading(NamedTuple):
    make: Callable[[Sequence[Any]], Any]
    processes: Sequence[tuple[int, Process]]

    def rows(self, rows: Sequence[Any]) -> list[Any]:
        if not self.processes:
            return list(rows if self.make is tuple else map(self.make, rows))
        found = []
        for row in rows:
            values = list(row)
            for place, process in self.processes:
                values[place] = process(values[place])
            found.append(self.make(values))
        return found


def _room(number: int) -> int:
    """The marks for so many values of a list. Few sizes make few statements: in the marks that
    are left the last value stands again."""
    if number <= FEW:
        return number
    power = 1 << (number - 1).bit_length()
    return power * 3 // 4 if number <= power * 3 // 4 else power


@lru_cache(maxsize=1_000)
def _compiled(
    statement: Any, dialect: Dialect, names: tuple[str, ...], shape: tuple[int | None, ...]
) -> _Compiled:
    compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=list(names))
    sample = {
        name: None if length is None else [None] * length
        for name, length in zip(names, shape, strict=True)
    }
    state = compiled.construct_expanded_state(sample)
    parts = {
        part: name for name, expanded in state.parameter_expansion.items() for part in expanded
    }
    marks: list[_Marks] = []
    order = iter(state.positiontup or state.parameters)
    for own in order:
        name = parts.get(own, own)
        kind = compiled.binds[name].type.dialect_impl(dialect)
        process: Process | None = kind.bind_processor(dialect)
        if name not in sample:
            always = state.parameters[own]
            marks.append(_Marks([own], None, False, None, process(always) if process else always))
        elif own in parts:  # the others of a list stand behind its first
            listed = [own, *islice(order, len(state.parameter_expansion[name]) - 1)]
            assert listed == list(state.parameter_expansion[name])
            marks.append(_Marks(listed, name, True, process, None))
        else:
            marks.append(_Marks([own], name, False, process, None))
    return _Compiled(dialect, state.statement, state.positiontup is not None, marks)


def _reading(
    columns: Iterable[Any], dialect: Dialect, described: Sequence[Any], *, plain: bool
) -> _Reading:
    named: Any = namedtuple  # noqa: PYI024 - the columns are known only here
    make = tuple if plain else named("row", [column.key for column in columns])._make
    processes = [
        (place, process)
        for place, (column, description) in enumerate(zip(columns, described, strict=True))
        if (process := _read(column.type, dialect, description[1])) is not None
    ]
    return _Reading(make, processes)


def _read(kind: TypeEngine[Any], dialect: Dialect, told: Any) -> Process | None:
    process = kind.dialect_impl(dialect).result_processor(dialect, told)
    if process is not None and isinstance(kind, Enum) and kind.enum_class is not None:
        # Looked up in one step: each row has several.
        return {None: None, **{process(name): process(name) for name in kind.enums}}.__getitem__
    return process
