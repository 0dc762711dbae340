from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.types import TypeEngine

from app.config import get_settings
from app.db import create_sqlite_file, make_engine, writing
from app.models import Model
from app.models.base import UTCDateTime

UPGRADE_LOCK = 4_817_001  # any number, the same for every process that upgrades


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Leave full-text tables and indexes alone: migrations own them, not the models."""
    return type_ not in {"table", "index"} or not (name or "").startswith("fts_")


def render_item(type_: str, value: Any, _context: object) -> str | Literal[False]:
    """Write plain SQLAlchemy types, so an old migration never imports today's app."""
    if type_ == "type" and isinstance(value, TypeEngine | UTCDateTime):
        if isinstance(value, UTCDateTime):
            return "sa.DateTime(timezone=True)"
        if value.__class__.__name__ == "Enum":
            return f"sa.String(length={value.length})"  # type: ignore[attr-defined]
    return False


def migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # A second upgrade waits for the first; the lock ends with the transaction.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        include_name=include_name,
        render_item=render_item,
        render_as_batch=True,
        compare_server_default=True,
        # SQLite can roll DDL back too, once the driver leaves BEGIN to app.db: a
        # migration that fails or is killed half-way leaves nothing behind.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = get_settings().database_url
    create_sqlite_file(url)
    engine = make_engine(url)
    # The write lock is taken at BEGIN, so that a second upgrade waits for the first.
    with writing(engine).begin() as own:
        migrate(own)
    engine.dispose()
