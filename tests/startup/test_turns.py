"""Work that takes long keeps none of the short work waiting, and is broken off at last."""

import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app import budgets
from app.budgets import LosesPatienceError, lift_budget, patience, time_budget
from app.config import Settings
from app.db import Sessions, make_engine, make_sessions
from app.errors import TooExpensiveError
from app.main import create_app
from app.turns import AT_ONCE, HEAVY_ROUTES, Turns
from tests.api.operations import OPERATIONS
from tests.apps import make_app
from tests.databases import SERVER, seeded_database

LONG = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(300)",
}
SHORT = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)"
    " SELECT count(*) FROM n"
)


def turns_of(client: TestClient) -> int:
    settings: Settings = client.app.state.settings  # type: ignore[attr-defined]  # FastAPI's
    return settings.heavy_reads


def long_read(session: Session) -> None:
    session.execute(text(LONG[session.get_bind().dialect.name]))


def test_a_read_that_takes_too_long_is_broken_off(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        with pytest.raises(TooExpensiveError), time_budget(session, 0.05):
            long_read(session)
        session.rollback()
        # The connection is as good as before.
        assert session.scalar(text(SHORT)) == 50_000


def test_what_is_read_in_parts_has_no_budget(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL limits each statement, not all of them together")
        with time_budget(session, 0.001):
            lift_budget(session)
            assert session.scalar(text(SHORT)) == 50_000


def test_a_read_for_which_there_is_no_patience_can_be_made_again(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL is a way of its own, longer than that into a thread")
        with time_budget(session, 60):
            with pytest.raises(LosesPatienceError), patience(session, 2):
                session.execute(text(SHORT))
            assert session.scalar(text(SHORT)) == 50_000
            with patience(session, 1_000):
                assert session.scalar(text(SHORT)) == 50_000


def test_a_budget_ends_also_where_there_is_patience_left(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("PostgreSQL is asked without patience")
        with (
            pytest.raises(TooExpensiveError),
            time_budget(session, 0.05),
            patience(session, 1_000_000),
        ):
            long_read(session)


def test_what_fails_by_itself_is_not_taken_for_too_long(milia_sessions: Sessions) -> None:
    with (
        milia_sessions.read() as session,
        pytest.raises(DBAPIError),
        time_budget(session, 60),
    ):
        session.execute(text("SELECT missing FROM claims"))


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL is always asked in a thread")
@pytest.mark.parametrize("is_patient", [True, False])
def test_light_reads_are_made_at_once_or_else_in_a_thread(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_patient: bool,
) -> None:
    if not is_patient:
        monkeypatch.setattr(budgets, "STEPS", 5)
    engine = make_engine(seeded_database("at-once", tmp_path))
    threads: list[int] = []
    event.listen(engine, "before_cursor_execute", lambda *_: threads.append(threading.get_ident()))
    with TestClient(make_app(make_sessions(engine))) as client:
        assert client.portal is not None
        loop = client.portal.call(threading.get_ident)
        [claim] = client.get("/claims?conflict=true&limit=1").json()["data"]
        light = ["/claims?limit=100", f"/claims/{claim['id']}", "/documents", "/concepts"]
        light.append("/claims?facet=type&facet=conflict")  # as the counters tell
        light.append(f"/conflicts/{claim['conflicts'][0]['id']}")
        for path in light:
            threads.clear()

            assert client.get(path).status_code == 200
            assert (set(threads) == {loop}) is is_patient, path
        threads.clear()
        client.get("/claims?facet=concept")

        assert loop not in threads, "it is heavy"
    engine.dispose()


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL is always asked in a thread")
def test_light_reads_go_into_a_thread_where_others_are_answered_from_memory(
    tmp_path: Path,
) -> None:
    app = create_app(Settings(database_url=seeded_database("hits", tmp_path)))
    engine = app.state.sessions.read.kw["bind"]
    threads: list[int] = []
    event.listen(engine, "before_cursor_execute", lambda *_: threads.append(threading.get_ident()))
    with TestClient(app) as client:
        assert client.portal is not None
        loop = client.portal.call(threading.get_ident)
        found = []
        # The same address is answered from memory; another has to be made.
        for limit in (1, 2, 2, 3, 4):
            threads.clear()
            assert client.get(f"/claims?limit={limit}").status_code == 200
            found.append({thread == loop for thread in threads})
    engine.dispose()

    assert found == [{True}, {True}, set(), {False}, {True}]


def test_a_request_that_is_too_expensive_is_told_so(milia: TestClient) -> None:
    settings = milia.app.state.settings  # type: ignore[attr-defined]  # FastAPI's
    milia.app.state.settings = settings.model_copy(  # type: ignore[attr-defined]
        update={"read_seconds": 0.000_001},
    )

    answer = milia.get("/claims?group_by=passage,value&q=milia")

    milia.app.state.settings = settings  # type: ignore[attr-defined]
    assert answer.status_code == 503
    assert answer.json()["code"] == "too-expensive"
    assert milia.get("/claims?group_by=passage,value&q=milia").status_code == 200


def test_heavy_reads_wait_for_each_other_and_light_ones_do_not(milia: TestClient) -> None:
    turns: Turns = milia.app.state.turns  # type: ignore[attr-defined]
    heavy = "/claims?facet=concept"
    assert milia.portal is not None
    taken = [object() for _ in range(turns_of(milia))]
    for one in taken:
        milia.portal.call(turns.heavy.acquire_on_behalf_of_nowait, one)
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(milia.get(heavy).status_code))
    waiting.start()
    while not (milia.portal.call(turns.heavy.statistics).tasks_waiting or answers):
        time.sleep(0.001)

    assert milia.get("/claims?limit=1").status_code == 200
    assert milia.get("/health/live").status_code == 200
    assert answers == []

    milia.portal.call(turns.heavy.release_on_behalf_of, taken.pop())
    waiting.join()
    assert answers == [200]


def test_every_route_that_is_named_is_there() -> None:
    assert {operation.path for operation in OPERATIONS} >= HEAVY_ROUTES | AT_ONCE


def test_a_turn_is_given_back_after_a_refusal(milia: TestClient) -> None:
    turns: Turns = milia.app.state.turns  # type: ignore[attr-defined]
    for _ in range(turns_of(milia) + 1):
        assert milia.get("/claims?facet=nothing").status_code == 422
        assert milia.get("/claims?q=x&cursor=damaged").status_code == 400

    assert milia.portal is not None
    for limiter in (turns.heavy, turns.light):
        assert milia.portal.call(limiter.statistics).borrowed_tokens == 0


def test_a_read_that_waits_for_a_connection_stops_nobody_else(tmp_path: Path) -> None:
    engine = make_engine(seeded_database("pool", tmp_path))
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    with TestClient(make_app(make_sessions(engine))) as client:
        client.get("/claims?limit=1")
        held = [engine.connect() for _ in range(pool.size() + pool._max_overflow)]  # noqa: SLF001 - said nowhere else
        answers: list[int] = []
        waiting = threading.Thread(
            target=lambda: answers.append(client.get("/claims?limit=1").status_code),
        )
        waiting.start()
        for _ in range(5):
            # The loop is free to answer what asks for no connection.
            assert client.get("/health/live").status_code == 200
        for connection in held:
            connection.close()
        waiting.join()
    engine.dispose()

    assert answers == [200]
