"""Connections to PostgreSQL: what they are asked besides, what they keep, and how they end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, bindparam, create_engine, event, select, text
from sqlalchemy.orm import Session

from app import postgresql
from app.budgets import time_budget
from app.db import make_engine, make_sessions
from app.driver import OFTEN
from app.models import Condition
from app.queries.claim_lists import list_claims
from app.queries.claims import get_claim
from app.queries.pages import PageAt
from app.queries.prepared import Prepared
from app.queries.view import EVERYTHING
from tests.databases import SERVER, seeded_database
from tests.startup.test_db import add_condition

pytestmark = pytest.mark.skipif(SERVER is None, reason="about PostgreSQL")
PREPARED = text("SELECT statement FROM pg_prepared_statements")
END = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = :name AND pid <> pg_backend_pid()"
)
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(seeded_database("asked", tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def pings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The connections that were asked whether they live."""
    asked: list[object] = []
    ping = engine.dialect.do_ping

    def ask(connection: object) -> bool:
        asked.append(connection)
        return ping(connection)  # type: ignore[arg-type]  # a driver's

    monkeypatch.setattr(engine.dialect, "do_ping", ask)
    return asked


def pid(engine: Engine) -> int:
    with make_sessions(engine).read() as session:
        return int(session.scalar(PID) or 0)


def end_all(engine: Engine) -> None:
    beside = create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with beside.connect() as connection:
        connection.execute(END, {"name": engine.url.database})
    beside.dispose()


def prepared(session: Session) -> str:
    return "\n".join(session.scalars(PREPARED))


def test_a_connection_that_was_just_used_is_not_asked(engine: Engine, pings: list[object]) -> None:
    pids = {pid(engine) for _ in range(5)}

    assert (len(pids), pings) == (1, [])


def test_a_connection_that_was_ended_is_noticed_before_it_is_used(
    engine: Engine, pings: list[object]
) -> None:
    before = pid(engine)
    end_all(engine)

    assert pid(engine) != before
    assert len(pings) == 1


def test_all_that_were_ended_are_made_anew_at_once(engine: Engine, pings: list[object]) -> None:
    with engine.connect(), engine.connect(), engine.connect():
        pass
    end_all(engine)

    with engine.connect() as one, engine.connect() as two, engine.connect() as three:
        assert len({each.scalar(PID) for each in (one, two, three)}) == 3
    assert len(pings) == 1, "the first tells of all"


def test_a_connection_that_was_idle_for_long_is_asked(
    engine: Engine, pings: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "TRUSTED_SECONDS", 0.0)
    before = pid(engine)

    assert pid(engine) == before
    assert len(pings) == 1


def test_a_read_begins_with_its_snapshot_and_its_limit(engine: Engine) -> None:
    heard: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    with make_sessions(engine).read() as session, time_budget(session, 7):
        level, limit = session.execute(
            text("SELECT current_setting('transaction_isolation'), current_setting(:name)"),
            {"name": "statement_timeout"},
        ).one()

    assert (level, limit, len(heard)) == ("repeatable read", "7s", 2)
    with make_sessions(engine).read() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "0"


def test_a_limit_inside_of_a_transaction_holds_too(engine: Engine) -> None:
    with make_sessions(engine).read() as session:
        session.scalar(PID)
        with time_budget(session, 7):
            assert session.scalar(text("SHOW statement_timeout")) == "7s"


def test_what_is_read_often_is_prepared_and_stays_so(engine: Engine) -> None:
    sessions = make_sessions(engine)
    for _ in range(OFTEN + 1):
        with sessions.read() as session:
            get_claim(session, "CLM1")

    with sessions.read() as session:
        assert "FROM claims" in prepared(session)


def test_what_depends_on_its_values_is_planned_for_them(engine: Engine) -> None:
    """PostgreSQL would take one plan for rare words and common ones."""
    sessions = make_sessions(engine)
    for words in [*["milia"] * OFTEN, *["nonsense"] * OFTEN]:
        for asked in ({"q": words}, {"q": words, "type": ["cause"]}, {"value": [words]}):
            with sessions.read() as session:
                list_claims(session, asked, EVERYTHING, PageAt(50, None))

    with sessions.read() as session:
        found = prepared(session)
    assert "tsquery" not in found
    assert "label" not in found


def test_what_depends_on_values_is_told_by_the_statement(engine: Engine) -> None:
    condition = Condition.__table__.c
    statement = select(condition.id).where(condition.slug == bindparam("slug"))
    sessions = make_sessions(engine)
    for depends in (True, False):
        read = Prepared(statement, depends=depends)
        with sessions.read() as session:
            for _ in range(OFTEN + 1):
                read.all(session, {"slug": "milia"})
            assert ("FROM conditions" in prepared(session)) is not depends


def test_what_was_not_committed_is_not_there(engine: Engine) -> None:
    """Only what read is ended by COMMIT."""
    sessions = make_sessions(engine)
    with sessions.read.begin() as session:  # which ends by a COMMIT of its own
        session.scalar(PID)
    with sessions.write() as session:
        add_condition(session, "given-up")
    with sessions.read() as session:
        session.scalar(PID)
    with sessions.write() as session:
        add_condition(session, "taken-back")
        session.rollback()

    with sessions.read() as session:
        assert session.scalars(select(Condition.slug)).all() == ["milia"]
