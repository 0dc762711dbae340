"""What PostgreSQL notes of touched conditions, and for how long."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, insert, make_url, select, text, update

from app.commands.changes import TouchedBy
from app.freshness import LastTouched, PostgresqlFreshness, Stamp
from app.models import Claim, TouchedCondition
from app.queries.stamps import About
from tests.databases import SERVER, seeded_database
from tests.startup.kept import asking, eventually, make_service, other_program

of_postgresql = pytest.mark.skipif(SERVER is None, reason="SQLite has stamps")
PAGE = "/conditions/milia"


def test_a_condition_is_later_than_the_stamp_at_which_it_was_touched() -> None:
    touched = LastTouched()

    touched.note([7], 3)

    assert touched.is_later(7, 2)
    assert not touched.is_later(7, 3)
    assert not touched.is_later(8, 2)


@pytest.mark.parametrize("conditions", [None, [0, 7]])
def test_where_any_may_be_touched_all_are(conditions: list[int] | None) -> None:
    touched = LastTouched()

    touched.note(conditions, 3)

    assert touched.is_later(8, 2)
    assert not touched.is_later(8, 3)


def test_more_conditions_than_are_remembered_count_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LastTouched, "MOST", 3)
    touched = LastTouched()
    touched.note([1, 2], 3)

    touched.note([3, 4], 4)

    assert touched.is_later(9, 3)
    touched.note([1], 5)
    assert touched.is_later(1, 4)
    assert not touched.is_later(9, 4)


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return seeded_database("touched", tmp_path_factory.mktemp("touched"))


def edit(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(Claim).where(Claim.id == 1).values(statement=statement))


def seen(service: FastAPI, since: Stamp) -> Callable[[], bool]:
    """Whether anything was seen since then."""
    return lambda: service.state.freshness.stamp() != since


def is_kept(service: FastAPI, client: TestClient) -> bool:
    hits = service.state.metrics.cache.hits
    assert client.get(PAGE).status_code == 200
    return bool(service.state.metrics.cache.hits > hits)


@of_postgresql
def test_what_everybody_has_seen_is_deleted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresqlFreshness, "KEPT_SECONDS", 0)
    service = make_service(url)
    noted = select(func.count(TouchedCondition.written_by))
    with other_program(url) as other, asking(service) as client:
        for statement in ("Said once.", "Said twice.", "Said thrice."):
            before = service.state.freshness.stamp()
            edit(other, statement)
            eventually(seen(service, before))

        def is_empty() -> bool:
            with other.connect() as connection:
                return connection.execute(noted).scalar_one() == 0

        eventually(is_empty)
        assert client.get("/claims/CLM1").json()["statement"] == "Said thrice."


@of_postgresql
def test_a_base_that_may_not_be_written_is_answered_from_memory_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(PostgresqlFreshness, "KEPT_SECONDS", 0)
    monkeypatch.setattr(PostgresqlFreshness, "POLL_SECONDS", 0.05)
    caplog.set_level("DEBUG", "claimbase")
    service, name = make_service(url), make_url(url).database
    with other_program(url) as other, other.begin() as connection:
        connection.execute(update(Claim).where(Claim.id == 1).values(statement="To be forgotten."))
        read_only = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        connection.execute(text(read_only))
    with asking(service) as client:
        client.get(PAGE)
        assert is_kept(service, client)

        eventually(lambda: "not forgotten here" in caplog.text)

        assert is_kept(service, client)
        assert "the base is away" not in caplog.text


@of_postgresql
def test_a_number_of_another_server_is_no_change(url: str) -> None:
    service = make_service(url)
    with other_program(url) as other, asking(service) as client:
        client.get(PAGE)
        before = service.state.freshness.stamp()

        with other.begin() as connection:
            copied = {"written_by": 10**15, "condition_id": 0}
            connection.execute(insert(TouchedCondition).values(copied))
        eventually(seen(service, before))

        assert is_kept(service, client)


@of_postgresql
def test_what_others_touched_is_seen_beside_what_this_process_noted_itself(url: str) -> None:
    freshness = PostgresqlFreshness(url)

    def touch(engine: Engine, condition_id: int) -> int:
        with engine.begin() as connection:
            number = text("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")
            written_by: int = connection.execute(number).scalar_one()
            row = {"written_by": written_by, "condition_id": condition_id}
            connection.execute(insert(TouchedCondition).values(row))
        return written_by

    with (
        other_program(url) as other,
        other.execution_options(isolation_level="AUTOCOMMIT").connect() as looking,
    ):
        snapshot = freshness.look(looking, None)
        own = touch(other, 7)
        touch(other, 8)
        freshness.note_own_commit(touched=TouchedBy(own, [7]))
        stamp = freshness.stamp()
        assert stamp is not None

        snapshot = freshness.look(looking, snapshot)

        def stands(condition_id: int) -> bool:
            return freshness.stands(About(condition_id, frozenset()), stamp)

        assert freshness.stamp() != stamp
        assert [stands(7), stands(8), stands(9)] == [True, False, True]
        touch(other, 7)
        freshness.look(looking, snapshot)
        assert not stands(7)
    freshness.stop()
