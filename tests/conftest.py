"""Two migrated databases for the run, one empty and one with the milia seed.

Every test works in a transaction that is rolled back. The databases are SQLite files, or
made on the server that ``CLAIMBASE_TEST_DATABASE_URL`` names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from app.commands.changes import ChangeDraft, finish_change
from app.commands.vocabularies import store_vocabulary
from app.db import Sessions, make_engine, make_sessions
from app.vocabulary import load_vocabulary
from tests.apps import make_app
from tests.databases import SEED, migrated_database, seeded_database

ROOT = Path(__file__).parent.parent
SEED_FILE = SEED
# A file is one worker's; what takes long begins first, so that none is idle at the end.
FIRST = ("torture", "startup", "migrations", "bench", "exports", "contract", "queries")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def empty_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A base with the vocabulary and nothing else."""
    engine = make_engine(migrated_database("empty", tmp_path_factory.mktemp("db")))
    with make_sessions(engine).write.begin() as session:
        draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
        store_vocabulary(session, load_vocabulary(), draft)
        finish_change(session, draft)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def milia_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A base with the seed."""
    engine = make_engine(seeded_database("milia", tmp_path_factory.mktemp("db")))
    yield engine
    engine.dispose()


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Sessions]:
    """Sessions whose commits are savepoints of one transaction that is never committed."""
    with engine.connect() as connection, connection.begin() as transaction:
        factory = sessionmaker(
            connection,
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
        )
        yield Sessions(read=factory, write=factory)
        transaction.rollback()


@pytest.fixture
def sessions(empty_engine: Engine) -> Iterator[Sessions]:
    """Sessions on the empty base."""
    with rolled_back(empty_engine) as sessions:
        yield sessions


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    with sessions.write() as session:
        yield session


@pytest.fixture
def client(sessions: Sessions) -> Iterator[TestClient]:
    """A client of the empty base."""
    with TestClient(make_app(sessions)) as client:
        yield client


@pytest.fixture
def milia_sessions(milia_engine: Engine) -> Iterator[Sessions]:
    with rolled_back(milia_engine) as sessions:
        yield sessions


@pytest.fixture
def milia_session(milia_sessions: Sessions) -> Iterator[Session]:
    with milia_sessions.write() as session:
        yield session


@pytest.fixture
def milia(milia_sessions: Sessions) -> Iterator[TestClient]:
    """A client of the base with the seed."""
    with TestClient(make_app(milia_sessions), follow_redirects=False) as client:
        yield client


@pytest.fixture
def statements(milia_engine: Engine) -> Iterator[list[str]]:
    """Every SQL statement sent to the seeded base; clear it before the part at issue."""
    sent: list[str] = []

    def record(*args: object) -> None:
        sent.append(str(args[2]))

    event.listen(milia_engine, "before_cursor_execute", record)
    yield sent
    event.remove(milia_engine, "before_cursor_execute", record)
