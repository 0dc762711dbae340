"""Bulk imports over HTTP: streamed, for curators, repeatable, refused as a whole."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from app.db import Sessions
from app.models import Change, Claim, Import
from app.policy import Role
from tests.accounts import signed_in
from tests.apps import make_app
from tests.commands.imports import line_of, small_lines, written

JSONL = {"Content-Type": "application/jsonl"}


@pytest.fixture
def curator(client: TestClient, sessions: Sessions) -> TestClient:
    return signed_in(client, sessions)


def send(client: TestClient, content: bytes | None = None, **how: Any) -> Any:
    headers = JSONL | how.pop("headers", {})
    body = written(small_lines()) if content is None else content
    return client.post("/imports", content=body, headers=headers, **how)


def claims(sessions: Sessions) -> int | None:
    with sessions.read() as session:
        return session.scalar(select(func.count()).select_from(Claim))


def test_lines_are_imported_and_the_report_has_an_address(curator: TestClient) -> None:
    answer = send(curator)

    report = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/imports/{report['id']}"
    assert answer.headers["Claimbase-Change"] == str(report["change"])
    assert report["created"]["claim"] == 5
    assert report["account"] == "some-curator"
    assert curator.get(answer.headers["Location"]).json() == report
    assert len(curator.get("/claims").json()["data"]) == 5


def test_the_change_names_the_account_and_its_key(
    curator: TestClient,
    sessions: Sessions,
) -> None:
    number = send(curator).json()["change"]

    with sessions.read() as session:
        change = session.get_one(Change, number)
    assert (change.origin, change.actor) == ("import", "some-curator")
    assert change.key_id == str(curator.headers["Authorization"])[len("Bearer clb_") :][:10]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_both_names_of_json_lines_are_taken(curator: TestClient, kind: str) -> None:
    assert send(curator, headers={"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
def test_other_content_types_are_refused(curator: TestClient, kind: str) -> None:
    assert send(curator, headers={"Content-Type": kind}).status_code == 415


def test_a_dry_run_answers_200_and_writes_nothing(
    curator: TestClient,
    sessions: Sessions,
) -> None:
    answer = send(curator, params={"dry_run": "true"})

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["conflicts"]["opened"]) == (None, 2)
    assert claims(sessions) == 0
    assert curator.get("/imports").json()["data"] == []


def test_the_same_request_with_its_key_is_answered_the_same(
    curator: TestClient,
    sessions: Sessions,
) -> None:
    first = send(curator, headers={"Idempotency-Key": "one"})
    again = send(curator, headers={"Idempotency-Key": "one"})

    assert again.status_code == first.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 1


def test_another_request_under_the_same_key_is_refused(curator: TestClient) -> None:
    send(curator, headers={"Idempotency-Key": "one"})

    other = send(curator, written(small_lines()[5:]), headers={"Idempotency-Key": "one"})

    assert other.status_code == 422
    assert other.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_a_refusal_names_every_line_at_fault(curator: TestClient, sessions: Sessions) -> None:
    content = written([*small_lines(), *[b"{"] * 30])

    answer = send(curator, content)

    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] == "import-refused"
    assert len(problem["errors"]) == 20
    assert [fault["line"] for fault in problem["faults"]] == list(range(14, 44))
    assert problem["faults_total"] == 30
    assert claims(sessions) == 0


def test_a_refusal_never_repeats_what_was_sent_at_length(curator: TestClient) -> None:
    lines = small_lines()
    line_of(lines, "pain")["x" * 100_000] = "y" * 100_000

    assert len(send(curator, written(lines)).content) < 5_000


def test_a_refused_import_may_be_sent_again_under_its_key(curator: TestClient) -> None:
    refused = send(curator, b"{", headers={"Idempotency-Key": "one"})

    assert refused.status_code == 422
    assert send(curator, headers={"Idempotency-Key": "one"}).status_code == 201


@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.contributor, 403)])
def test_it_takes_a_curator(
    client: TestClient,
    sessions: Sessions,
    role: Role | None,
    status: int,
) -> None:
    asking = signed_in(client, sessions, role) if role else client

    assert send(asking).status_code == status
    assert asking.get("/imports").status_code == status
    assert claims(sessions) == 0


def test_an_import_has_a_limit_of_its_own(sessions: Sessions) -> None:
    app = make_app(sessions, max_body_bytes=1_024, max_import_bytes=6_000)
    with TestClient(app) as client:
        curator = signed_in(client, sessions)
        content = written(small_lines())
        assert 1_024 < len(content) < 6_000

        assert send(curator, content).status_code == 201
        too_large = send(curator, content + b"\n" * 6_000)
        other = curator.post("/claims/search", json={"q": "x" * 2_000})

    assert too_large.status_code == 413
    assert too_large.json()["code"] == "body-too-large"
    assert other.status_code == 413


def test_with_four_eyes_nothing_is_published_by_an_import(sessions: Sessions) -> None:
    with TestClient(make_app(sessions, four_eyes=True)) as client:
        answer = send(signed_in(client, sessions))

    assert {fault["pointer"] for fault in answer.json()["faults"]} == {"/status"}


def test_imports_are_listed_the_last_one_first(curator: TestClient) -> None:
    made = [send(curator).json()["id"], send(curator).json()["id"]]

    page = curator.get("/imports?limit=1").json()
    rest = curator.get(page["page"]["next"]).json()

    assert [page["data"][0]["id"], rest["data"][0]["id"]] == made[::-1]


@pytest.mark.parametrize("number", ["IMP999999", "IMP1.1", "nothing"])
def test_there_is_no_such_import(curator: TestClient, number: str) -> None:
    assert curator.get(f"/imports/{number}").status_code == 404


def test_a_draft_that_was_imported_is_not_public(
    client: TestClient,
    curator: TestClient,
) -> None:
    lines = small_lines()
    line_of(lines, "pain")["status"] = "draft"
    send(curator, written(lines))

    public = json.dumps(client.get("/claims").json())

    assert "symptom.reported/pain" not in public
