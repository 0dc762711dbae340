from typing import Any

from sqlalchemy import func, literal_column, select, text
from sqlalchemy.orm import Session

from app.models import Change


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
