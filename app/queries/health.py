from typing import Any

from sqlalchemy import func, literal_column, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.models import Change

# As SQLite says it, PostgreSQL, and a PostgreSQL that follows another.
READ_ONLY = ("readonly database", "read-only transaction", "during recovery")


def get_readiness(session: Session) -> dict[str, Any]:
    """Which database answers, at which schema, and the number of the last change."""
    dialect = session.get_bind().dialect.name
    version = "sqlite_version()" if dialect == "sqlite" else "current_setting('server_version')"
    return {
        "database": dialect,
        "database_version": session.scalar(select(literal_column(version))),
        "schema_revision": session.scalar(text("SELECT version_num FROM alembic_version")),
        "change": session.scalar(select(func.max(Change.number))) or 0,
    }


def is_writable(session: Session) -> bool:
    """Whether a change could be written now, asked without changing anything.

    On SQLite it takes the lock of writers for the moment until the session ends, and does not
    wait for it: a base that somebody writes can be written.
    """
    try:
        if session.get_bind().dialect.name == "postgresql":
            return bool(session.scalar(text("SHOW transaction_read_only")) == "off")
        _try_to_write(session)
    except DBAPIError as error:
        if is_read_only(error):
            return False
        if "locked" not in str(error.orig):
            raise
    return True


def _try_to_write(session: Session) -> None:
    connection = session.connection()
    waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        session.execute(text("UPDATE alembic_version SET version_num = version_num WHERE 1 = 0"))
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {waits}")


def is_read_only(error: DBAPIError) -> bool:
    """Whether a write was refused because the base, not the request, is read-only."""
    words = str(error.orig)
    return any(part in words for part in READ_ONLY)
