"""What all writes have in common: one change, repeatable, tried without effect, committed first."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Sessions
from app.models import Change, IdempotentAnswer, Model
from app.models.base import utc_now
from app.policy import Role
from app.queries.requests import KEPT_FOR
from tests.accounts import bearer, key_of, signed_in
from tests.api.curation import REASON, body_of, drafted, moved, published, tag


@pytest.fixture
def curator(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.curator)


def content(sessions: Sessions) -> dict[str, int]:
    """How many rows each table has."""
    with sessions.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Model.metadata.sorted_tables
        }


def test_a_repeated_request_is_answered_the_same_and_does_nothing_again(
    curator: TestClient, milia_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = curator.post("/claims", json=body_of(), headers=headers)
    before = content(milia_sessions)

    again = curator.post("/claims", json=body_of(), headers=headers)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotency-replayed"] == "true"
    assert content(milia_sessions) == before


def test_a_repeated_step_is_answered_the_same(curator: TestClient) -> None:
    claim = drafted(curator)
    headers = {"Idempotency-Key": "once", **tag(claim)}
    address, body = f"/claims/{claim['id']}/submit", {"reason": REASON}
    first = curator.post(address, json=body, headers=headers)

    again = curator.post(address, json=body, headers=headers)

    assert (again.status_code, again.content) == (200, first.content)


def test_the_key_of_another_request_is_refused(
    curator: TestClient, milia_sessions: Sessions
) -> None:
    headers = {"Idempotency-Key": "once"}
    curator.post("/claims", json=body_of("lime"), headers=headers)
    before = content(milia_sessions)

    answer = curator.post("/claims", json=body_of("lemon"), headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"
    assert content(milia_sessions) == before


def test_a_refused_request_does_not_use_its_key_up(curator: TestClient) -> None:
    headers = {"Idempotency-Key": "once"}
    assert curator.post("/claims", json=body_of(subject="no"), headers=headers).status_code == 422

    assert curator.post("/claims", json=body_of(), headers=headers).status_code == 201


def test_the_keys_of_two_accounts_do_not_meet(
    milia: TestClient, curator: TestClient, milia_sessions: Sessions
) -> None:
    other = signed_in(milia, milia_sessions, Role.curator, "other")
    headers = {"Idempotency-Key": "once"}
    curator.post("/claims", json=body_of("lime"), headers=headers)

    assert other.post("/claims", json=body_of("lemon"), headers=headers).status_code == 201


def test_a_secret_is_never_kept_to_be_repeated(milia: TestClient, milia_sessions: Sessions) -> None:
    admin = signed_in(milia, milia_sessions, Role.admin, "root")

    admin.post("/accounts/root/keys", json={"reason": REASON}, headers={"Idempotency-Key": "once"})

    with milia_sessions.read() as session:
        assert session.scalars(select(IdempotentAnswer)).all() == []


def test_a_dry_run_tells_what_would_change_and_writes_nothing(
    curator: TestClient, milia_sessions: Sessions
) -> None:
    body = body_of(
        question="prevalence.frequency",
        words=None,
        concept="col17a1-mutation",
        statement="Milia are as frequent as something else.",
    )
    claim = moved(curator, drafted(curator, body), "submit")
    before = content(milia_sessions)

    answer = curator.post(
        f"/claims/{claim['id']}/publish?dry_run=true", json={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 200
    assert answer.json()["dry_run"] is True
    assert answer.json()["record"]["conflict"] is True
    [changed] = answer.json()["conflicts"]["changed"]
    assert changed["severity"]["effective"] == "contradiction"
    assert content(milia_sessions) == before
    assert curator.get(f"/claims/{claim['id']}").json()["status"] == "in_review"


def test_a_dry_run_of_a_creation_gives_no_id(curator: TestClient, milia_sessions: Sessions) -> None:
    before = content(milia_sessions)

    answer = curator.post("/claims?dry_run=true", json=body_of())

    assert (answer.status_code, answer.json()["record"]["id"]) == (200, None)
    assert "location" not in answer.headers
    assert content(milia_sessions) == before


def test_a_dry_run_finds_the_faults(curator: TestClient) -> None:
    assert curator.post("/claims?dry_run=true", json=body_of(subject="no")).status_code == 422


def test_a_dry_run_does_not_use_a_key_up(curator: TestClient) -> None:
    headers = {"Idempotency-Key": "once"}
    curator.post("/claims?dry_run=true", json=body_of(), headers=headers)

    assert curator.post("/claims", json=body_of(), headers=headers).status_code == 201


def test_a_commit_that_fails_is_not_acknowledged(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    headers = bearer(key_of(milia_sessions))
    milia.get("/accounts/me", headers=headers)  # its use is noted before commits fail

    def fail(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("database is locked"))

    event.listen(milia_sessions.write, "before_commit", fail)
    try:
        answer = milia.post("/claims", json=body_of(), headers=headers)
    finally:
        event.remove(milia_sessions.write, "before_commit", fail)

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert milia.post("/claims", json=body_of(), headers=headers).status_code == 201


def test_every_change_is_one_number_and_on_record(
    curator: TestClient, milia_sessions: Sessions
) -> None:
    with milia_sessions.read() as session:
        before = session.scalar(select(func.max(Change.number))) or 0

    claim = published(curator)

    with milia_sessions.read() as session:
        made = session.scalars(select(Change).where(Change.number > before)).all()
    assert [change.action for change in made] == [
        "create_claim",
        "claim_submitted",
        "claim_published",
    ]
    assert {change.actor for change in made} == {"some-curator"}
    assert {change.reason for change in made} == {REASON}
    assert all(change.key_id for change in made)
    assert claim["version"] == 3


def test_a_refused_write_leaves_nothing(curator: TestClient, milia_sessions: Sessions) -> None:
    drafted(curator)
    before = content(milia_sessions)

    refused = curator.post("/claims", json=body_of(statement="The same in other words."))

    assert refused.status_code == 409
    assert content(milia_sessions) == before


def test_old_answers_are_forgotten(curator: TestClient, milia_sessions: Sessions) -> None:
    headers = {"Idempotency-Key": "once"}
    curator.post("/claims", json=body_of("lime"), headers=headers)
    long_ago = utc_now() - KEPT_FOR - timedelta(minutes=1)
    with milia_sessions.write.begin() as session:
        session.execute(update(IdempotentAnswer).values(created_at=long_ago))

    answer = curator.post("/claims", json=body_of("lemon"), headers=headers)

    assert answer.status_code == 201
