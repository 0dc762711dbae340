"""A base that cannot be written answers reads, and refuses changes in a clear way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, event, text

from app.config import Settings
from app.db import Sessions, make_engine, make_sessions
from app.freshness import freshness_of
from app.main import create_app
from app.policy import Role
from tests.accounts import bearer, key_of
from tests.api.curation import body_of
from tests.apps import document, make_app
from tests.commands.imports import written
from tests.databases import SERVER, seeded_database

NOBODY = 65_534
on_sqlite = pytest.mark.skipif(SERVER is not None, reason="about SQLite")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return seeded_database("read_only", tmp_path)


def _forbid(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin_read_only(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


@contextmanager
def without_writing(url: str) -> Iterator[Sessions]:
    """Sessions on a base that the database refuses to write."""
    engine = make_engine(url)
    if SERVER is None:
        event.listen(engine, "connect", _forbid)
    else:
        event.listen(engine, "begin", _begin_read_only)
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def key(url: str) -> str:
    engine = make_engine(url)
    key = key_of(make_sessions(engine), Role.curator)
    engine.dispose()
    return key


@pytest.fixture
def client(url: str) -> Iterator[TestClient]:
    with without_writing(url) as sessions, TestClient(make_app(sessions)) as client:
        yield client


def test_a_read_only_base_is_ready_and_says_that_it_is_not_writable(client: TestClient) -> None:
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["writable"] is False


def test_a_read_only_base_answers_reads_also_with_a_key(client: TestClient, key: str) -> None:
    assert client.get("/conditions/milia").status_code == 200
    assert client.get("/queue", headers=bearer(key)).status_code == 200


def test_a_read_only_base_refuses_a_change_in_a_clear_way(client: TestClient, key: str) -> None:
    answer = client.post("/claims", json=body_of(), headers=bearer(key))

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert "read-only" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


def test_a_read_only_base_refuses_an_import(client: TestClient, key: str) -> None:
    headers = bearer(key) | {"Content-Type": "application/x-ndjson"}

    lines = [{"type": "concept", "key": "lime", "label": "Lime", "kind": "special"}]
    answer = client.post("/imports", content=written(lines), headers=headers)

    assert answer.status_code == 503
    assert "read-only" in answer.json()["detail"]


def test_a_base_that_can_be_written_says_so(milia: TestClient) -> None:
    assert milia.get("/health/ready").json()["writable"] is True


@on_sqlite
def test_a_base_that_somebody_writes_is_writable_and_nobody_waits(url: str) -> None:
    engine = make_engine(url)
    sessions = make_sessions(engine)
    with sessions.write() as writer, TestClient(make_app(sessions)) as client:
        writer.execute(text("SELECT 1"))  # the lock is taken
        answer = client.get("/health/ready")
    engine.dispose()

    assert answer.json()["writable"] is True
    assert answer.elapsed.total_seconds() < 4


@on_sqlite
def test_asking_whether_it_is_writable_changes_nothing(url: str) -> None:
    fresh = freshness_of(url)
    fresh.start()
    engine = make_engine(url)
    before = fresh.stamp()
    with TestClient(make_app(make_sessions(engine))) as client:
        client.get("/health/ready")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
    engine.dispose()

    assert fresh.stamp() == before
    fresh.stop()


@contextmanager
def as_nobody() -> Iterator[None]:
    """Permissions do not bite root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@on_sqlite
def test_a_file_that_cannot_be_written_answers_and_takes_nothing(url: str, key: str) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)  # SQLite needs its -wal and -shm there, also to read
        path = Path(folder) / "base.db"
        path.write_bytes(Path(url.removeprefix("sqlite:///")).read_bytes())
        path.chmod(0o444)
        app = create_app(Settings(database_url=f"sqlite:///{path}"))
        app.openapi_schema = document()
        with as_nobody(), TestClient(app) as client:
            ready = client.get("/health/ready")
            read = client.get("/conditions/milia")
            changed = client.post("/claims", json=body_of(), headers=bearer(key))
            app.state.sessions.read.kw["bind"].dispose()

    assert (ready.status_code, ready.json()["writable"]) == (200, False)
    assert read.status_code == 200
    assert changed.status_code == 503
    assert "read-only" in changed.json()["detail"]
