"""A curator's word on a conflict: it holds until what it judged changes."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.curation import REASON, Record, body_of, moved, patched, published, tag


@pytest.fixture
def curator(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.curator)


def of_frequency(client: TestClient) -> Record:
    """The contradiction of rare and common."""
    [conflict] = client.get("/conflicts?question=prevalence.frequency").json()["data"]
    record: Record = conflict
    return record


def decide(
    client: TestClient, conflict: Record, kind: str, code: str = "other", status: int = 200
) -> Record:
    answer = client.post(
        f"/conflicts/{conflict['id']}/decisions",
        json={"kind": kind, "reason_code": code, "reason": REASON},
        headers=tag(conflict),
    )
    assert answer.status_code == status, answer.text
    record: Record = answer.json()
    return record


def claims_of(conflict: Record) -> list[str]:
    return [claim for side in conflict["sides"] for claim in side["claims"]]


@pytest.mark.parametrize(
    ("kind", "effective", "flagged"),
    [
        ("confirmed", "contradiction", True),
        ("explained", "tension", False),
        ("dismissed", "none", False),
    ],
)
def test_a_decision_changes_what_holds_and_not_what_was_computed(
    milia: TestClient, curator: TestClient, kind: str, effective: str, flagged: bool
) -> None:
    conflict = of_frequency(milia)

    after = decide(curator, conflict, kind)

    assert after["severity"] == {"computed": "contradiction", "effective": effective}
    assert after["conflict"] is flagged
    assert after["decision"]["kind"] == kind
    assert after["decision_status"] == "standing"
    assert after["version"] == conflict["version"] + 1
    assert milia.get(f"/conflicts/{conflict['id']}").json() == after | {"as_of": None}


def test_flags_filters_and_counts_use_what_holds(milia: TestClient, curator: TestClient) -> None:
    conflict = of_frequency(milia)
    alone = [
        claim
        for claim in claims_of(conflict)
        if len(milia.get(f"/claims/{claim}").json()["conflicts"]) == 1
    ]
    assert alone
    before = milia.get("/conditions/milia").json()["counts"]

    decide(curator, conflict, "dismissed", "not_the_same_thing")

    after = milia.get("/conditions/milia").json()["counts"]
    flagged = milia.get("/claims?conflict=true&question=prevalence.frequency").json()["data"]
    assert {claim["id"] for claim in flagged}.isdisjoint(alone)
    assert after["claims_in_conflict"] == before["claims_in_conflict"] - len(alone)
    assert after["conflicts"] == before["conflicts"] - 1


def test_another_decision_changes_the_flags_again(milia: TestClient, curator: TestClient) -> None:
    conflict = of_frequency(milia)
    before = milia.get("/conditions/milia").json()["counts"]

    dismissed = decide(curator, conflict, "dismissed", "not_the_same_thing")
    decide(curator, dismissed, "confirmed")

    assert milia.get("/conditions/milia").json()["counts"] == before


def test_a_decision_is_stale_when_a_side_comes_and_the_flag_is_back(
    milia: TestClient, curator: TestClient
) -> None:
    conflict = decide(curator, of_frequency(milia), "dismissed")

    published(
        curator,
        body_of(
            question="prevalence.frequency",
            words=None,
            concept="col17a1-mutation",
            statement="Milia are as frequent as something else.",
        ),
    )

    after = of_frequency(milia)
    assert after["decision_status"] == "stale"
    assert after["severity"]["effective"] == "contradiction"
    assert after["conflict"] is True
    assert after["id"] == conflict["id"]
    for address in ("/queue/stale_decisions", "/conflicts?status=stale"):
        assert [row["id"] for row in curator.get(address).json()["data"]] == [conflict["id"]]
    changes = curator.get("/changes?limit=100").json()["data"]
    events = [event for change in changes for event in change["events"]]
    told = [event["record_id"] for event in events if event["action"] == "decision.stale"]
    assert told == [conflict["id"]]


def test_a_decision_stands_again_when_what_it_judged_is_back(
    milia: TestClient, curator: TestClient
) -> None:
    decide(curator, of_frequency(milia), "dismissed")
    body = body_of(
        question="prevalence.frequency",
        words=None,
        concept="col17a1-mutation",
        statement="Milia are as frequent as something else.",
    )
    claim = published(curator, body)
    assert of_frequency(milia)["decision_status"] == "stale"

    moved(curator, claim, "retract")

    assert of_frequency(milia)["decision_status"] == "standing"


def test_another_citation_on_a_side_is_only_drift(milia: TestClient, curator: TestClient) -> None:
    conflict = decide(curator, of_frequency(milia), "explained", "scope_differs")
    claim = milia.get(f"/claims/{claims_of(conflict)[0]}").json()
    cited = {name: claim["citations"][0][name] for name in ("certainty", "frequency")}

    answer = curator.post(
        f"/claims/{claim['id']}/citations",
        json={"passage": "milia-syndrome/p3", "locator": "again", "reason": REASON} | cited,
        headers=tag(claim),
    )

    assert answer.status_code == 200, answer.text
    after = of_frequency(milia)
    assert after["decision_status"] == "standing"
    assert after["decision"]["drifted"] is True
    assert after["conflict"] is False


def test_a_hedge_on_a_side_makes_a_decision_stale(milia: TestClient, curator: TestClient) -> None:
    conflict = decide(curator, of_frequency(milia), "dismissed")
    claim = milia.get(f"/claims/{claims_of(conflict)[0]}").json()
    cited = claim["citations"][0]

    answer = curator.patch(
        f"/claims/{claim['id']}/citations/{cited['id']}",
        json={"certainty": "suspected", "hedge": "perhaps", "reason": REASON},
        headers=tag(claim),
    )

    assert answer.status_code == 200, answer.text
    assert of_frequency(milia)["decision_status"] == "stale"


def test_better_words_for_a_statement_leave_a_decision_alone(
    milia: TestClient, curator: TestClient
) -> None:
    conflict = decide(curator, of_frequency(milia), "dismissed")
    claim = milia.get(f"/claims/{claims_of(conflict)[0]}").json()

    patched(curator, claim, statement="The same, in better words.")

    assert of_frequency(milia) == conflict


def test_a_decision_on_an_old_version_is_refused(milia: TestClient, curator: TestClient) -> None:
    conflict = of_frequency(milia)
    decide(curator, conflict, "confirmed")

    problem = decide(curator, conflict, "dismissed", status=412)

    assert "decision" in problem["differing"]
    assert of_frequency(milia)["decision"]["kind"] == "confirmed"


def test_a_reason_code_belongs_to_its_kind(milia: TestClient, curator: TestClient) -> None:
    decide(curator, of_frequency(milia), "explained", "extraction_error", status=422)


def two_claims(milia: TestClient) -> list[str]:
    """Two claims that are in no conflict together."""
    rows = milia.get("/claims?question=symptom.reported&severity=none&limit=2").json()["data"]
    return sorted(row["id"] for row in rows)


def asserted(client: TestClient, claims: list[str], status: int = 201) -> Record:
    answer = client.post(
        "/conflicts",
        json={
            "claims": claims,
            "severity": "disagreement",
            "reason_code": "rules_missed",
            "reason": "They cannot both be felt.",
        },
    )
    assert answer.status_code == status, answer.text
    record: Record = answer.json()
    return record


def test_a_curator_asserts_a_conflict_that_the_rules_missed(
    milia: TestClient, curator: TestClient
) -> None:
    claims = two_claims(milia)

    conflict = asserted(curator, claims)

    assert conflict["severity"] == {"computed": "none", "effective": "disagreement"}
    assert sorted(claims_of(conflict)) == claims
    assert "They cannot both be felt." in conflict["explanation"]
    assert all(milia.get(f"/claims/{claim}").json()["conflict"] for claim in claims)
    assert conflict["id"] in [
        row["id"] for row in milia.get("/conditions/milia").json()["conflicts"]
    ]


def test_an_asserted_conflict_closes_with_fewer_than_two_claims(
    milia: TestClient, curator: TestClient
) -> None:
    claims = two_claims(milia)
    conflict = asserted(curator, claims)

    gone = moved(curator, milia.get(f"/claims/{claims[0]}").json(), "retract")

    assert milia.get(f"/conflicts/{conflict['id']}").json()["status"] == "closed"
    assert milia.get(f"/claims/{claims[1]}").json()["conflict"] is False
    moved(curator, gone, "restore")
    assert milia.get(f"/conflicts/{conflict['id']}").json()["status"] == "open"


def test_an_asserted_conflict_is_dismissed_for_good_and_may_be_asserted_anew(
    milia: TestClient, curator: TestClient
) -> None:
    claims = two_claims(milia)
    conflict = asserted(curator, claims)

    after = decide(curator, conflict, "dismissed", "not_the_same_thing")

    assert after["status"] == "closed"
    assert after["version"] == conflict["version"] + 1
    assert asserted(curator, claims)["id"] == conflict["id"]


def test_the_same_assertion_twice_is_refused(milia: TestClient, curator: TestClient) -> None:
    claims = two_claims(milia)
    conflict = asserted(curator, claims)

    assert asserted(curator, claims, status=409)["existing"] == conflict["id"]


@pytest.mark.parametrize("claims", [["CLM1"], ["CLM1", "CLM1"], ["CLM1", "CLM999999"], ["x", "y"]])
def test_an_assertion_needs_two_public_claims(curator: TestClient, claims: list[str]) -> None:
    asserted(curator, claims, status=422)


def test_leaving_a_source_out_keeps_decisions_on_what_does_not_change(
    milia: TestClient, curator: TestClient
) -> None:
    conflict = decide(curator, of_frequency(milia), "dismissed")
    said_by = {passage for side in conflict["sides"] for passage in side["passages"]}
    document = milia.get("/documents/DOC1").json()
    other = next(one["id"] for one in document["passages"] if one["id"] not in said_by)

    page = milia.get(f"/conditions/milia?exclude_passage={other}").json()

    [seen] = [one for one in page["conflicts"] if one["id"] == conflict["id"]]
    assert seen["severity"] == conflict["severity"]
