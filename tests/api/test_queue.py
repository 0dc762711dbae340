"""All work that waits for somebody."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.curation import REASON, Record, body_of, drafted, moved, published, tag


@pytest.fixture
def curator(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.curator)


@pytest.fixture
def contributor(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.contributor)


def counts(client: TestClient) -> dict[str, int]:
    return {row["kind"]: row["total"] for row in client.get("/queue").json()["data"]}


def waiting(client: TestClient, kind: str) -> list[Record]:
    rows: list[Record] = client.get(f"/queue/{kind}").json()["data"]
    return rows


def test_nothing_waits_in_the_seed_that_was_verified(curator: TestClient) -> None:
    assert set(counts(curator).values()) == {0}


def test_drafts_and_claims_in_review_wait(curator: TestClient) -> None:
    draft = drafted(curator, body_of("lime"))
    in_review = moved(curator, drafted(curator, body_of("lemon")), "submit")

    assert [row["id"] for row in waiting(curator, "drafts")] == [draft["id"]]
    assert [row["id"] for row in waiting(curator, "in_review")] == [in_review["id"]]
    assert counts(curator)["drafts"] == counts(curator)["in_review"] == 1


def test_a_proposal_waits(curator: TestClient, contributor: TestClient) -> None:
    claim = published(curator)
    answer = contributor.patch(
        f"/claims/{claim['id']}", json={"words": "limes", "reason": REASON}, headers=tag(claim)
    )

    assert [row["id"] for row in waiting(curator, "proposals")] == [answer.json()["id"]]


def test_a_citation_that_nobody_compared_waits(curator: TestClient) -> None:
    claim = published(curator)

    [row] = waiting(curator, "unverified")

    assert row["claim"] == claim["id"]
    assert row["citation"] == claim["citations"][0]


def test_a_conflict_that_a_draft_would_open_is_pending(curator: TestClient) -> None:
    body = body_of(question="symptom.reported", words=None, polarity="denies")
    concept = curator.get("/claims?question=symptom.reported&severity=none&limit=1").json()
    body["concept"] = concept["data"][0]["concept"]["key"]
    body["statement"] = "Milia do not cause it."

    draft = drafted(curator, body)

    [row] = waiting(curator, "pending_conflicts")
    [conflict] = row["conflicts"]
    assert row["condition"] == "milia"
    assert draft["id"] in conflict["claims"]
    assert counts(curator)["pending_conflicts"] == 1


def test_an_unknown_kind_is_refused(curator: TestClient) -> None:
    assert curator.get("/queue/nothing").status_code == 422
