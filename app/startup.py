"""From settings to a base that can be served: made, migrated, seeded, and checked."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from app.commands.search import index_claims
from app.commands.seed import is_loaded, load_seed, lock_seed, seed_digest
from app.commands.seed_reports import SeedReport
from app.commands.written import forgotten_claims, write_claims
from app.config import ROOT, Settings
from app.db import (
    BUSY_TIMEOUT_MS,
    Sessions,
    create_sqlite_file,
    make_engine,
    make_sessions,
    sqlite_driver,
    sqlite_path,
    writing,
)
from app.queries.search_check import unindexed_claims
from app.queries.vocabulary import stored_vocabulary_digest
from app.replicas import Replica
from app.schemas.seed_checks import read_seed
from app.vocabulary import Vocabulary, load_vocabulary

logger = logging.getLogger("claimbase")
WRITTEN_AT_ONCE = 5_000  # claims, in a transaction of its own


class StartupError(Exception):
    """Why the service cannot start, in one sentence that says what to do."""


class UnreachableError(StartupError):
    """The database server cannot be asked."""


def open_database(url: str) -> Engine:
    """An engine on a database that exists and can be read. Raises StartupError."""
    path = sqlite_path(url)
    try:
        if path is not None:
            _refuse_what_is_no_base(path)
            create_sqlite_file(url)
        engine = make_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except OSError as error:
        raise StartupError(f"The database {path} cannot be opened: {error.strerror}.") from error
    except (sqlite_driver.Error, sqlite3.Error) as error:
        raise StartupError(f"The file {path} cannot be used as a database: {error}.") from error
    except DatabaseError as error:
        raise UnreachableError(f"The database cannot be reached: {_reason(error)}.") from error
    return engine


def _refuse_what_is_no_base(path: Path) -> None:
    """A new base is made where there is nothing, never over what is left of something."""
    log = path.with_name(f"{path.name}-wal")
    if not path.exists():
        if log.exists() and log.stat().st_size:
            raise StartupError(
                f"There is no {path}, but {log.name} is there: put the base back, or remove that.",
            )
        return
    give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while path.is_file() and not path.stat().st_size:  # another process may just have made it
        if time.monotonic() > give_up_at:
            raise StartupError(
                f"The file {path} is empty, which no base is: restore a backup, or remove it.",
            )
        time.sleep(0.05)
    if _is_cut_short(path, log):
        raise StartupError(f"The file {path} is cut short: it has to be restored from a backup.")
    if _is_of_another_application(path):
        raise StartupError(f"The file {path} is a database of another application.")


def _is_cut_short(path: Path, log: Path) -> bool:
    """Whether pages are missing that the header counts; a log may be about to bring them."""
    if not path.is_file() or (log.exists() and log.stat().st_size):
        return False
    with path.open("rb") as file:
        header = file.read(100)
    if not header.startswith(b"SQLite format 3\0"):
        return False
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65_536 if page_size == 1 else page_size
    # The count is of this file if it was written with the last change.
    is_valid = header[24:28] == header[92:96]
    return is_valid and int.from_bytes(header[28:32], "big") * page_size > path.stat().st_size


def _is_of_another_application(path: Path) -> bool:
    """Asked before WAL is set, which would change the file."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite_driver.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in rows}
    except sqlite_driver.Error:
        return False  # whoever opens it next says what is wrong
    return bool(tables) and "alembic_version" not in tables


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


def refuse_unservable(settings: Settings) -> None:
    """What would be refused by each worker, before they start. Raises StartupError.

    A replica that is away is no reason, nor is a primary that is away beside a replica.
    """
    try:
        with opened(settings.database_url) as sessions:
            if settings.replica_url is not None:
                _refuse_foreign_replica(sessions, settings.replica_url)
    except UnreachableError:
        if settings.replica_url is None:
            raise
        with opened(settings.replica_url):
            logger.warning("the primary is away: only the replica answers")


def _refuse_foreign_replica(primary: Sessions, url: str) -> None:
    replica = Replica(url, max_lag=0)
    try:
        follows = replica.follows(primary)
    except OperationalError:
        logger.warning("the replica is away: the primary answers")
        return
    finally:
        replica.dispose()
    if not follows:
        raise StartupError("CLAIMBASE_REPLICA_URL is not a replica of CLAIMBASE_DATABASE_URL.")


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
        if current is None and set(inspect(connection).get_table_names()) - {"alembic_version"}:
            raise StartupError("The database holds the tables of another application.")
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
        _write_claims(sessions)
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


def _write_claims(sessions: Sessions) -> None:
    """A migration cannot know how records are written; what is not is only answered slower."""
    with sessions.read() as session:
        ids = forgotten_claims(session, at_most=WRITTEN_AT_ONCE)
    while ids:
        with sessions.write.begin() as session:
            lock_seed(session)
            write_claims(session, ids)
            ids = forgotten_claims(session, after=ids[-1], at_most=WRITTEN_AT_ONCE)


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


@cache
def _head() -> str | None:
    """Of the migrations, which are files and do not change while this runs."""
    return ScriptDirectory.from_config(_alembic_config()).get_current_head()


def _alembic_config() -> Config:
    return Config(ROOT / "alembic.ini")
