"""From settings to a base that can be served: made, migrated, seeded, and checked."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from app.commands.search import index_claims
from app.commands.seed import is_loaded, load_seed, lock_seed, seed_digest
from app.commands.seed_reports import SeedReport
from app.config import ROOT
from app.db import (
    Sessions,
    create_sqlite_file,
    make_engine,
    make_sessions,
    sqlite_driver,
    sqlite_path,
    writing,
)
from app.queries.search import unindexed_claims
from app.queries.vocabulary import stored_vocabulary_digest
from app.schemas.seed_checks import read_seed
from app.vocabulary import Vocabulary, load_vocabulary


class StartupError(Exception):
    """Why the service cannot start, in one sentence that says what to do."""


def open_database(url: str) -> Engine:
    """An engine on a database that exists and can be read. Raises StartupError."""
    path = sqlite_path(url)
    try:
        if path is not None:
            create_sqlite_file(url)
        engine = make_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except OSError as error:
        raise StartupError(f"The database {path} cannot be opened: {error.strerror}.") from error
    except (sqlite_driver.Error, sqlite3.Error) as error:
        raise StartupError(f"The file {path} cannot be used as a database: {error}.") from error
    except DatabaseError as error:
        raise StartupError(f"The database cannot be reached: {_reason(error)}.") from error
    return engine


def _reason(error: DatabaseError) -> str:
    return str(error.orig).strip().split("\n", 1)[0].rstrip(".")


@contextmanager
def opened(url: str) -> Iterator[Sessions]:
    """Sessions on a base of this release, for a command; closed at its end.

    Raises StartupError, also where the base goes away meanwhile.
    """
    engine = open_database(url)
    try:
        sessions = make_sessions(engine)
        with sessions.read() as session:
            refuse_foreign_base(session, load_vocabulary())
        yield sessions
    except OperationalError as error:
        raise StartupError(f"The database is locked or away: {_reason(error)}.") from error
    finally:
        engine.dispose()


def migrate(engine: Engine) -> None:
    """Bring the schema to this release's, in one transaction."""
    with writing(engine).begin() as connection:
        config = _alembic_config()
        config.attributes["connection"] = connection
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in known:
            raise StartupError(
                "The database was made by a newer release of Claimbase: start that release.",
            )
        command.upgrade(config, "head")


def seed_database(sessions: Sessions, seed_file: Path) -> SeedReport | None:
    """Load the seed and the vocabulary; None if this very seed was the last one read.

    Raises SeedError, naming the place; the base is then as it was.
    """
    vocabulary = load_vocabulary()
    try:
        content = seed_file.read_bytes()
    except OSError as error:
        raise StartupError(f"The seed {seed_file} cannot be read: {error.strerror}.") from error
    digest = seed_digest(content, vocabulary)
    with sessions.read() as session:
        if _is_current(session, digest, vocabulary):
            return None
    seed = read_seed(content, vocabulary)
    with sessions.write.begin() as session:
        lock_seed(session)
        if _is_current(session, digest, vocabulary):  # another process loaded it meanwhile
            return None
        return load_seed(session, seed, vocabulary, digest=digest)


def _is_current(session: Session, digest: str, vocabulary: Vocabulary) -> bool:
    return is_loaded(session, digest) and stored_vocabulary_digest(session) == vocabulary.digest


def prepare(url: str, seed_file: Path) -> SeedReport | None:
    """Everything that has to be there before the first worker starts, in one step."""
    engine = open_database(url)
    try:
        migrate(engine)
        sessions = make_sessions(engine)
        _fill_search_index(sessions)
        return seed_database(sessions, seed_file)
    except DatabaseError as error:
        raise StartupError(f"The database cannot be prepared: {_reason(error)}.") from error
    finally:
        engine.dispose()


def _fill_search_index(sessions: Sessions) -> None:
    """A migration makes the index, or empties it, and cannot know how words are made."""
    with sessions.read() as session:
        if not unindexed_claims(session):
            return
    with sessions.write.begin() as session:
        lock_seed(session)
        index_claims(session, unindexed_claims(session))


def refuse_foreign_base(session: Session, vocabulary: Vocabulary) -> None:
    """Raise StartupError unless schema and vocabulary are this release's."""
    try:
        current = MigrationContext.configure(session.connection()).get_current_revision()
        stored = stored_vocabulary_digest(session) if current == _head() else None
    except DatabaseError as error:
        raise StartupError(f"The database cannot be read: {_reason(error)}.") from error
    if current != _head():
        raise StartupError(
            "The database's schema is not this release's: run `python -m app seed`, "
            "or the release that made it.",
        )
    if stored != vocabulary.digest:
        raise StartupError(
            "data/vocabulary.json is not the vocabulary of the database: run `python -m app seed`.",
        )


def _head() -> str | None:
    return ScriptDirectory.from_config(_alembic_config()).get_current_head()


def _alembic_config() -> Config:
    return Config(ROOT / "alembic.ini")
