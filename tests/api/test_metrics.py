"""What Prometheus is told, to whom, and that its labels stay few."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import Sessions
from app.main import create_app
from app.policy import Role
from tests.accounts import bearer, key_of, signed_in
from tests.apps import document, make_app
from tests.databases import SERVER, seeded_database

Labels = dict[str, str]


def samples(text: str, name: str) -> list[tuple[Labels, float]]:
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def value(text: str, name: str, **labels: str) -> float:
    return sum(
        number
        for found, number in samples(text, name)
        if all(found[label] == wanted for label, wanted in labels.items())
    )


@pytest.fixture
def public(milia_sessions: Sessions) -> Iterator[TestClient]:
    """A client of a service whose metrics anybody may read."""
    with TestClient(make_app(milia_sessions, metrics_public=True)) as client:
        yield client


def metrics(client: TestClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return answer.text


# Who may


def test_an_admin_reads_the_metrics_and_no_cache_keeps_them(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    answer = signed_in(milia, milia_sessions, Role.admin).get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"


def test_others_do_not(milia: TestClient, milia_sessions: Sessions) -> None:
    curator = signed_in(milia, milia_sessions, Role.curator)

    assert milia.get("/metrics").status_code == 401
    assert curator.get("/metrics").status_code == 403


def test_a_setting_opens_them_to_everybody_and_nothing_else(public: TestClient) -> None:
    assert public.get("/metrics").status_code == 200
    assert public.get("/accounts").status_code == 401


# Requests


def test_requests_are_counted_by_the_template_of_their_route(public: TestClient) -> None:
    for claim in public.get("/claims?limit=3").json()["data"]:
        assert public.get(f"/claims/{claim['id']}").status_code == 200
    public.get("/claims/none")

    text = metrics(public)
    route = {"method": "GET", "route": "/claims/{claim_id}"}
    assert value(text, "claimbase_requests_total", **route, status="2xx") == 3
    assert value(text, "claimbase_requests_total", **route, status="4xx") == 1
    assert value(text, "claimbase_request_seconds_count", **route) == 4
    assert "CLM" not in text


def test_what_clients_invent_adds_no_label(public: TestClient) -> None:
    public.get("/health/live")
    public.get("/assets/none-1.js")
    public.get("/accounts")
    public.get("/invented")
    public.request("BREW", "/claims")
    before = len(samples(metrics(public), "claimbase_requests_total"))

    for number in range(20):
        public.get(f"/invented-{number}")
        public.get(f"/invented/{number}?x={number}")
        public.get(f"/assets/none-{number}.js")
        public.request(f"BREW{number}", "/claims")

    text = metrics(public)
    # and the one that the first scrape added
    assert len(samples(text, "claimbase_requests_total")) == before + 1
    assert value(text, "claimbase_requests_total", route="unmatched") >= 41
    assert value(text, "claimbase_requests_total", route="/assets/") == 21
    assert "invented" not in text
    assert "BREW" not in text


def test_refusals_are_counted(public: TestClient, milia_sessions: Sessions) -> None:
    key = key_of(milia_sessions, Role.contributor)
    public.get("/accounts")
    public.get("/accounts", headers=bearer("clb_wrong"))
    public.get("/accounts", headers=bearer(key))

    text = metrics(public)
    assert value(text, "claimbase_requests_total", route="/accounts", status="4xx") == 3
    assert value(text, "claimbase_refused_total", status="401") == 2
    assert value(text, "claimbase_refused_total", status="403") == 1


@pytest.mark.skipif(SERVER is not None, reason="the stamp of SQLite is there at once")
def test_hits_and_misses_of_the_cache_are_counted(tmp_path: Path) -> None:
    url = seeded_database("counted", tmp_path)
    app = create_app(Settings(database_url=url, metrics_public=True))
    app.openapi_schema = document()

    with TestClient(app) as client:
        for _ in range(4):
            client.get("/conditions/milia")
        text = metrics(client)
    app.state.sessions.read.kw["bind"].dispose()

    assert value(text, "claimbase_cache_requests_total", outcome="hit") == 3
    route = {"route": "/conditions/{slug}"}
    assert value(text, "claimbase_requests_total", **route) == 1
    # this very scrape is a miss as well: nothing is kept of it
    assert value(text, "claimbase_cache_requests_total", outcome="miss") == 2


# The base


def test_conflicts_and_queues_are_as_the_api_has_them(
    public: TestClient, milia_sessions: Sessions
) -> None:
    text = metrics(public)

    shown = public.get("/conflicts?limit=100").json()["data"]
    assert value(text, "claimbase_open_conflicts") == len(shown) > 0
    queue = signed_in(public, milia_sessions).get("/queue").json()["data"]
    waiting = {each["kind"]: each["total"] for each in queue}
    for labels, number in samples(text, "claimbase_waiting"):
        assert number == waiting[labels["queue"]]
    assert value(text, "claimbase_last_change") >= 1
    assert value(text, "claimbase_database_bytes") > 100_000
    assert value(text, "claimbase_database_up") == 1


def test_the_base_is_not_asked_again_within_seconds(
    public: TestClient, statements: list[str]
) -> None:
    metrics(public)
    statements.clear()

    metrics(public)

    assert not any("conflicts" in statement for statement in statements)


def test_a_base_that_is_away_is_told_and_is_no_failure(
    public: TestClient, milia_engine: Engine
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    event.listen(milia_engine, "before_cursor_execute", fail)
    try:
        text = metrics(public)
    finally:
        event.remove(milia_engine, "before_cursor_execute", fail)

    assert value(text, "claimbase_database_up") == 0
    assert samples(text, "claimbase_last_change") == []
