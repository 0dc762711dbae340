"""Statements handed to the database's driver as they are, with errors that SQLAlchemy knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor

# Executions after which the server prepares a statement.
OFTEN = 5


def executed(
    connection: Connection, statement: str, values: Any = (), *, prepare: bool = False
) -> DBAPICursor:
    """The driver's cursor behind a statement of the driver, which the caller closes.

    ``prepare``: its plan is good for any values; see ``server_prepares``.
    """
    # A connection that was ended meanwhile gives none.
    with driver_errors(connection, statement):
        cursor = connection.connection.cursor()
    # As SQLAlchemy executes statements of its own: errors are its errors, listeners hear it.
    if prepare and connection.dialect.name == "postgresql":
        with server_prepares(connection):
            connection._cursor_execute(cursor, statement, values)  # noqa: SLF001 - no public way has no description of results
    else:
        connection._cursor_execute(cursor, statement, values)  # noqa: SLF001 - as above
    return cursor


@contextmanager
def server_prepares(connection: Connection) -> Iterator[None]:
    """What is executed often in it is parsed and planned once by PostgreSQL, for any values.

    Elsewhere each statement is planned for its own values: whether an index is of use depends on
    how many rows have them.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.prepare_threshold = OFTEN
    try:
        yield
    finally:
        driver.prepare_threshold = None


@contextmanager
def driver_errors(
    connection: Connection, statement: str, cursor: DBAPICursor | None = None
) -> Iterator[None]:
    """What the driver raises inside is raised as SQLAlchemy's own.

    A connection that turns out to be lost is not handed out again.
    """
    try:
        yield
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, statement, None, cursor, None)  # noqa: SLF001 - as it does for its own
