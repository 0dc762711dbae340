"""How connections are set up, and what many writers at once can rely on."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import cli, db
from app.config import get_settings
from app.db import create_sqlite_file, make_engine, make_sessions, sqlite_driver, sqlite_path
from app.models import Condition
from app.models.base import utc_now
from tests.databases import SERVER, migrated_database

on_sqlite = pytest.mark.skipif(SERVER is not None, reason="about SQLite")
on_postgresql = pytest.mark.skipif(SERVER is None, reason="about PostgreSQL")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(migrated_database("connections", tmp_path))
    yield engine
    engine.dispose()


def add_condition(session: Session, slug: str) -> None:
    now = utc_now()
    session.execute(
        insert(Condition).values(
            slug=slug, name=slug, description="0", created_at=now, updated_at=now
        ),
    )


@on_sqlite
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("synchronous", 2), ("foreign_keys", 1), ("journal_mode", "wal"), ("busy_timeout", 5000)],
)
def test_every_connection_is_safe(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as first, engine.connect() as second:
        found = [one.exec_driver_sql(f"PRAGMA {pragma}").scalar() for one in (first, second)]

    assert found == [value, value]


def test_a_row_that_refers_to_nothing_is_refused(engine: Engine) -> None:
    with pytest.raises(DBAPIError), make_sessions(engine).write.begin() as session:
        session.execute(
            text("INSERT INTO condition_aliases (slug, condition_id, name) VALUES ('a', 99, 'a')"),
        )


@on_sqlite
def test_a_writer_takes_its_lock_when_it_begins(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.write() as writer:
        writer.execute(text("SELECT 1"))
        with engine.connect() as other:
            other.rollback()
            other.exec_driver_sql("PRAGMA busy_timeout = 0")
            with pytest.raises(DBAPIError, match="locked"):
                other.exec_driver_sql("UPDATE conditions SET name = 'x'")


@on_sqlite
def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.write() as writer, sessions.read() as reader:
        add_condition(writer, "milia")

        assert reader.scalars(select(Condition.slug)).all() == []
        writer.rollback()


def test_edits_at_once_that_read_first_all_count(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        add_condition(session, "milia")

    def edit(_: int) -> None:
        with sessions.write.begin() as session:
            read = select(Condition.description).with_for_update()
            number = int(session.scalars(read).one() or 0)
            session.execute(update(Condition).values(description=str(number + 1)))

    with ThreadPoolExecutor(max_workers=10) as pool:
        list(pool.map(edit, range(200)))

    with sessions.read() as session:
        assert session.scalars(select(Condition.description)).one() == "200"


def test_a_read_sees_one_snapshot(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.read() as reader:
        before = reader.scalars(select(Condition.slug)).all()
        with sessions.write.begin() as writer:
            add_condition(writer, "milia")

        after = reader.scalars(select(Condition.slug)).all()

    with sessions.read() as reader:
        later = reader.scalars(select(Condition.slug)).all()
    assert (before, after, later) == ([], [], ["milia"])


@on_postgresql
def test_a_read_session_cannot_write(engine: Engine) -> None:
    with make_sessions(engine).read() as session, pytest.raises(DBAPIError, match="read-only"):
        add_condition(session, "milia")


@on_postgresql
def test_a_connection_that_has_read_can_write_afterwards(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.read() as session:
        session.execute(text("SELECT 1"))

    with sessions.write.begin() as session:
        level = session.scalar(text("SHOW transaction_isolation"))
        add_condition(session, "milia")

    assert level == "read committed"


@on_sqlite
def test_who_reads_after_a_write_has_its_connection_and_what_it_knows(engine: Engine) -> None:
    with engine.connect(), engine.connect(), engine.connect():
        pass
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        add_condition(session, "a")
        written = session.connection().connection.dbapi_connection
    with sessions.read() as session:
        assert session.connection().connection.dbapi_connection is written


def test_a_postgresql_url_without_a_driver_gets_ours() -> None:
    engine = make_engine("postgresql://somebody@127.0.0.1/base")

    assert engine.dialect.driver == "psycopg"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////tmp/a.db", Path("/tmp/a.db")),  # noqa: S108 - never opened
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://somebody@127.0.0.1/base", None),
    ],
)
def test_only_a_sqlite_file_has_a_path(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


def test_making_a_file_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'base.db'}"
    create_sqlite_file(url)
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (id INTEGER)")

    create_sqlite_file(url)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").scalar() == "kept"
    engine.dispose()


# The corruption bug of older libraries


class OldDriver:
    """A driver whose library has the bug."""

    sqlite_version_info = (3, 40, 1)


def test_a_library_with_the_bug_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "sqlite_driver", OldDriver)

    assert not db.sqlite_is_safe_for_several_writers()


def test_this_library_is_judged_by_its_version() -> None:
    safe = tuple(sqlite_driver.sqlite_version_info) >= (3, 51, 3)

    assert db.sqlite_is_safe_for_several_writers() is safe


def test_several_workers_on_a_library_with_the_bug_are_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(db, "sqlite_driver", OldDriver)
    monkeypatch.setattr(sys, "argv", ["claimbase", "serve"])
    monkeypatch.setenv("CLAIMBASE_WORKERS", "3")
    monkeypatch.setenv("CLAIMBASE_PORT", "0")
    monkeypatch.setenv("CLAIMBASE_DATABASE_URL", f"sqlite:///{tmp_path / 'base.db'}")
    get_settings.cache_clear()

    try:
        with pytest.raises(SystemExit) as caught:
            cli.main()
    finally:
        get_settings.cache_clear()

    assert caught.value.code == 1
    assert "set CLAIMBASE_WORKERS=1" in capsys.readouterr().err
    assert not (tmp_path / "base.db").exists()
