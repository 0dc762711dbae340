"""Reads on a replica: as current as on the primary, and there when either of the two is away."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy import Engine, event, text

from app.config import Settings
from app.db import make_engine, make_sessions
from app.main import create_app
from app.startup import StartupError, prepare, refuse_unservable
from tests.accounts import bearer, key_of
from tests.api.curation import body_of, published
from tests.apps import document
from tests.conftest import SEED_FILE
from tests.databases import SERVER, seeded_database
from tests.standby import Pair, running_pair

on_postgresql = pytest.mark.skipif(SERVER is None, reason="SQLite has no replicas")
READ = "/claims?type=cause"
UNHURRIED = 30  # seconds; a machine under load is slow


class Service(NamedTuple):
    """The application with a pair of bases behind it, asked with and without a key."""

    app: FastAPI
    anybody: TestClient
    curator: TestClient
    pair: Pair

    def counted(self, base: str) -> int:
        number: int = self.app.state.reads.counts[base]
        return number


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        prepare(pair.primary.url, SEED_FILE)
        wait_for(pair.has_caught_up)
        yield pair


@cache
def curator_key(url: str) -> str:
    engine = make_engine(url)
    try:
        return key_of(make_sessions(engine))
    finally:
        engine.dispose()


@contextmanager
def serving(pair: Pair, **settings: Any) -> Iterator[Service]:
    key = bearer(curator_key(pair.primary.url))
    base, replica = pair.primary.url, pair.standby.url
    app = create_app(Settings(database_url=base, replica_url=replica, **settings))
    app.openapi_schema = document()
    try:
        with TestClient(app) as anybody:
            wait_for(lambda: app.state.freshness.stamp() is not None)
            yield Service(app, anybody, TestClient(app, headers=key), pair)
    finally:
        app.state.sessions.read.kw["bind"].dispose()
        app.state.reads.replica.dispose()


@pytest.fixture
def service(pair: Pair) -> Iterator[Service]:
    with serving(pair, cache_bytes=0) as service:
        wait_until_current(service)
        yield service


@pytest.fixture
def paused(service: Service) -> Iterator[None]:
    """The replica of a service stands still, after it was current."""
    with standing_still(service.pair):
        yield


@contextmanager
def standing_still(pair: Pair) -> Iterator[None]:
    pair.pause()
    try:
        yield
    finally:
        pair.resume()


def wait_for(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + UNHURRIED
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.02)


def wait_until_current(service: Service) -> None:
    def is_current() -> bool:
        return bool(service.app.state.reads.replica_state().state == "current")

    wait_for(is_current)


def total(client: TestClient, **headers: str) -> int:
    number: int = client.get("/claims?limit=1", headers=headers).json()["meta"]["total"]
    return number


@on_postgresql
def test_a_read_without_a_key_is_answered_by_the_replica(service: Service) -> None:
    before = service.counted("replica"), service.counted("primary")

    assert service.anybody.get(READ).status_code == 200

    assert (service.counted("replica"), service.counted("primary")) == (before[0] + 1, before[1])


@on_postgresql
def test_the_replica_answers_with_the_same_bytes(service: Service) -> None:
    for path in ("/conditions/milia", READ, "/changes?limit=3", "/claims/CLM1?as_of=2"):
        of_replica = service.anybody.get(path)
        service.app.state.reads.replica, kept = None, service.app.state.reads.replica
        of_primary = service.anybody.get(path)
        service.app.state.reads.replica = kept

        assert of_replica.status_code == 200
        assert of_replica.content == of_primary.content
        assert of_replica.headers["etag"] == of_primary.headers["etag"]
    assert service.counted("replica") > 4


@on_postgresql
def test_a_read_with_a_key_is_answered_by_the_primary(service: Service) -> None:
    before = service.counted("replica")

    assert service.curator.get(READ).status_code == 200

    assert service.counted("replica") == before


@on_postgresql
@pytest.mark.usefixtures("paused")
def test_what_was_written_is_read_although_the_replica_stands_still(service: Service) -> None:
    before = total(service.anybody)

    claim = published(service.curator, body_of("stands_still"))

    assert total(service.anybody) == before + 1
    assert service.anybody.get(f"/claims/{claim['id']}").status_code == 200
    ready = service.anybody.get("/health/ready").json()["replica"]
    assert ready["state"] == "behind"
    assert ready["behind"] > 0


@on_postgresql
@pytest.mark.usefixtures("paused")
def test_who_was_told_of_a_change_reads_it_in_another_process(service: Service) -> None:
    with serving(service.pair) as other:
        before = total(other.anybody)
        service.curator.post("/conditions", json={"slug": "x1", "name": "X", "reason": "New."})
        made = published(service.curator, body_of("told"))
        change = service.curator.get("/changes?limit=1").json()["meta"]["last"]

        assert total(other.anybody, **{"Claimbase-Change": str(change)}) == before + 1
        assert other.anybody.get(
            f"/claims/{made['id']}", headers={"Claimbase-Change": str(change)}
        ).is_success


@on_postgresql
def test_nothing_is_kept_of_a_replica_that_is_behind(pair: Pair) -> None:
    with serving(pair, replica_max_lag=1_000, shared_max_age=60) as service:
        wait_until_current(service)
        before = total(service.anybody)
        current = service.anybody.get("/claims?limit=1")
        with standing_still(pair):
            published(service.curator, body_of("behind"))
            behind = service.anybody.get("/claims?limit=1")
            last = service.curator.get("/changes?limit=1").json()["meta"]["last"]
            told = total(service.anybody, **{"Claimbase-Change": str(last)})
        wait_until_current(service)

        assert behind.json()["meta"]["total"] == before  # as the setting allows
        assert behind.headers["cache-control"] == "no-store"
        assert "cdn-cache-control" not in behind.headers
        assert current.headers["cdn-cache-control"] == "public, max-age=60"
        assert told == before + 1
        assert total(service.anybody) == before + 1


@on_postgresql
def test_a_foreign_write_is_read_before_anything_is_kept(pair: Pair) -> None:
    with serving(pair) as service:
        wait_until_current(service)
        assert service.anybody.get("/claims/CLM2").status_code == 200
        engine = make_engine(pair.primary.url)
        with standing_still(pair):
            with engine.begin() as connection:
                connection.execute(text("UPDATE claims SET statement = 'Foreign.' WHERE id = 2"))
            shown = "/claims/CLM2"
            wait_for(lambda: service.anybody.get(shown).json()["statement"] == "Foreign.")
            again = service.anybody.get(shown).json()["statement"]
        engine.dispose()

        assert again == "Foreign."


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "", "1" * 19, "+1"])
def test_a_change_that_is_no_number_is_refused(milia: TestClient, value: str) -> None:
    answer = milia.get("/claims", headers={"Claimbase-Change": value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Claimbase-Change"


@pytest.mark.parametrize("path", ["/claims", "/conditions/milia", "/changes"])
def test_a_change_that_nobody_made_is_refused(milia: TestClient, path: str) -> None:
    answer = milia.get(path, headers={"Claimbase-Change": "999999"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "unknown_change"


def test_a_change_that_was_made_is_read(milia: TestClient) -> None:
    assert milia.get("/claims", headers={"Claimbase-Change": "1"}).status_code == 200


@on_postgresql
def test_a_change_that_nobody_made_is_refused_beside_a_replica(service: Service) -> None:
    answer = service.anybody.get("/claims", headers={"Claimbase-Change": "999999"})

    assert answer.json()["errors"][0]["code"] == "unknown_change"


@on_postgresql
@pytest.mark.parametrize("path", ["/conditions/milia", "/claims/search"])
def test_a_read_that_the_replica_ends_is_made_again_on_the_primary(
    service: Service, path: str
) -> None:
    engine: Engine = vars(service.app.state.reads.replica)["_engine"]
    ended: list[str] = []

    def end_once(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if not ended and "FROM claims" in statement:
            ended.append(statement)
            service.pair.standby.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'claimbase' AND state = 'idle in transaction'"
            )

    event.listen(engine, "before_cursor_execute", end_once)
    search = path.endswith("search")
    answer = service.anybody.post(path, json={}) if search else service.anybody.get(path)
    event.remove(engine, "before_cursor_execute", end_once)

    assert ended
    assert answer.status_code == 200
    assert service.counted("replica_failed") == 1


@on_postgresql
def test_a_conflict_with_what_is_replayed_is_no_failure(service: Service) -> None:
    engine: Engine = vars(service.app.state.reads.replica)["_engine"]
    met: list[str] = []

    def meet_a_conflict(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if not met and "FROM claims" in statement:
            met.append(statement)
            own = make_engine(service.pair.primary.url).execution_options(
                isolation_level="AUTOCOMMIT"
            )
            with own.connect() as primary:
                primary.execute(text("UPDATE claims SET statement = statement WHERE id < 50"))
                primary.execute(text("VACUUM claims"))
            own.dispose()
            conflicts = "SELECT sum(confl_snapshot) FROM pg_stat_database_conflicts"
            wait_for(lambda: service.pair.standby.ask(conflicts))

    event.listen(engine, "before_cursor_execute", meet_a_conflict)
    answer = service.anybody.get("/conditions/milia")
    event.remove(engine, "before_cursor_execute", meet_a_conflict)

    assert met
    assert answer.status_code == 200
    assert service.counted("replica_failed") == 1


@on_postgresql
def test_without_its_replica_the_primary_answers(service: Service) -> None:
    service.pair.standby.stop()
    try:
        answer = service.anybody.get(READ)
        ready = service.anybody.get("/health/ready")
        scraped = service.app.state.metrics.write().decode()
    finally:
        service.pair.standby.start()

    assert answer.status_code == 200
    assert ready.json()["replica"] == {"state": "away", "behind": None}
    assert "claimbase_replica_up 0.0" in scraped


@on_postgresql
def test_without_its_primary_the_replica_answers_and_changes_are_refused(pair: Pair) -> None:
    with serving(pair) as service:
        wait_until_current(service)
        service.anybody.get(READ)
        last = service.anybody.get("/health/ready").json()["change"]
        pair.primary.stop()
        try:
            wait_for(lambda: service.app.state.freshness.is_away)
            read = service.anybody.get(READ)
            told = service.anybody.get(READ, headers={"Claimbase-Change": str(last)})
            unknown = service.anybody.get(READ, headers={"Claimbase-Change": str(last + 1)})
            refused = service.curator.post("/claims", json=body_of("away"))
            ready = service.anybody.get("/health/ready").json()
        finally:
            pair.primary.start()
        wait_for(lambda: not service.app.state.freshness.is_away)
        published(service.curator, body_of("back"))

    assert (read.status_code, read.headers["cache-control"]) == (200, "no-store")
    assert told.status_code == 200
    for answer in (unknown, refused):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert ready["writable"] is False
    assert ready["replica"] == {"state": "unknown", "behind": None}


@on_postgresql
def test_a_server_of_another_base_is_refused_as_replica(pair: Pair, tmp_path: Path) -> None:
    url = seeded_database("foreign", tmp_path)

    with pytest.raises(StartupError, match="CLAIMBASE_REPLICA_URL is not a replica"):
        refuse_unservable(Settings(database_url=url, replica_url=pair.standby.url))


@pytest.mark.parametrize("url", ["sqlite:///other.db", "nonsense"])
def test_a_replica_that_is_no_postgresql_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(database_url="postgresql://localhost/x", replica_url=url)

    assert refusal.value.errors()[0]["loc"] == ("replica_url",)
