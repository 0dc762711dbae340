"""From draft to published and out again; four eyes; proposals."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.curation import REASON, body_of, drafted, moved, patched, published, tag
from tests.api.operations import ids_of
from tests.apps import make_app


@pytest.fixture
def curator(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.curator)


@pytest.fixture
def contributor(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.contributor)


@pytest.fixture
def four_eyes(milia_sessions: Sessions) -> Iterator[TestClient]:
    """An application where nobody publishes their own."""
    with TestClient(make_app(milia_sessions, four_eyes=True)) as client:
        yield client


def frequency(value: str) -> dict[str, object]:
    """A body that says how common milia is, against what the seed has."""
    return {
        "condition": "milia",
        "question": "prevalence.frequency",
        "statement": f"Milia are {value}.",
        "concept": value,
        "citations": [{"passage": "milia-syndrome/p3", "locator": "somewhere"}],
        "reason": REASON,
    }


def test_a_claim_is_public_once_it_is_published(milia: TestClient, curator: TestClient) -> None:
    total = milia.get("/claims").json()["meta"]["total"]

    claim = published(curator)

    assert milia.get(f"/claims/{claim['id']}").json()["status"] == "published"
    assert milia.get("/claims").json()["meta"]["total"] == total + 1


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([], "publish"),
        ([], "reject"),
        ([], "retract"),
        ([], "restore"),
        (["submit"], "submit"),
        (["submit"], "retract"),
        (["submit", "publish"], "publish"),
        (["submit", "publish"], "submit"),
        (["submit", "publish"], "restore"),
        (["submit", "reject"], "publish"),
        (["submit", "publish", "retract"], "publish"),
    ],
)
def test_a_step_that_is_not_the_next_one_is_refused(
    curator: TestClient, steps: list[str], wrong: str
) -> None:
    claim = drafted(curator)
    for step in steps:
        claim = moved(curator, claim, step)

    answer = curator.post(
        f"/claims/{claim['id']}/{wrong}", json={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 409, answer.text
    assert claim["status"] in answer.json()["detail"]


def test_a_claim_without_citation_is_not_published(curator: TestClient) -> None:
    claim = moved(curator, drafted(curator, body_of(citations=[])), "submit")

    answer = curator.post(
        f"/claims/{claim['id']}/publish", json={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 409


def test_publishing_opens_the_conflict_in_the_same_step(
    milia: TestClient, curator: TestClient
) -> None:
    [conflict] = milia.get("/conflicts?question=prevalence.frequency").json()["data"]
    claim = published(curator, frequency("col17a1-mutation"))

    after = milia.get(f"/conflicts/{conflict['id']}").json()
    assert claim["conflict"] is True
    assert claim["id"] in [one for side in after["sides"] for one in side["claims"]]
    assert after["version"] == conflict["version"] + 1


def test_retracting_takes_the_claim_out_of_its_conflict_and_restoring_puts_it_back(
    milia: TestClient, curator: TestClient
) -> None:
    claim = published(curator, frequency("col17a1-mutation"))
    [conflict] = claim["included"]["conflicts"]

    gone = moved(curator, claim, "retract")
    without = milia.get(f"/conflicts/{conflict['id']}").json()
    back = moved(curator, gone, "restore")

    assert claim["id"] not in str(without["sides"])
    assert back["conflict"] is True
    assert claim["id"] in str(milia.get(f"/conflicts/{conflict['id']}").json()["sides"])


def test_a_retracted_claim_is_in_no_list_and_no_search(
    milia: TestClient, curator: TestClient
) -> None:
    claim = published(curator, body_of("marmalade"))
    assert ids_of(milia.get("/claims?q=marmalade").json()["data"]) == [claim["id"]]

    moved(curator, claim, "retract")

    assert milia.get("/claims?q=marmalade").json()["data"] == []


def test_a_withdrawn_claim_answers_410_with_reason_and_replacement(
    milia: TestClient, curator: TestClient
) -> None:
    claim, other = published(curator, body_of("lime")), published(curator, body_of("limes"))

    moved(curator, claim, "retract", reason="It was misread.", replaced_by=other["id"])

    answer = milia.get(f"/claims/{claim['id']}")
    assert answer.status_code == 410
    assert "It was misread." in answer.text
    assert other["id"] in answer.text
    assert milia.get(f"/claims/{claim['id']}.{claim['version']}").status_code == 200


def test_the_replacement_has_to_be_public(curator: TestClient) -> None:
    claim, other = published(curator, body_of("lime")), drafted(curator, body_of("limes"))

    answer = curator.post(
        f"/claims/{claim['id']}/retract",
        json={"reason": REASON, "replaced_by": other["id"]},
        headers=tag(claim),
    )

    assert answer.status_code == 422


def test_restoring_what_was_made_again_meanwhile_is_refused(curator: TestClient) -> None:
    claim = moved(curator, published(curator), "retract")
    again = drafted(curator)

    answer = curator.post(
        f"/claims/{claim['id']}/restore", json={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 409
    assert answer.json()["existing"] == again["id"]


def test_delete_retracts_what_is_published(milia: TestClient, curator: TestClient) -> None:
    claim = published(curator)

    answer = curator.delete(f"/claims/{claim['id']}", params={"reason": REASON}, headers=tag(claim))

    assert answer.json()["status"] == "retracted"
    assert milia.get(f"/claims/{claim['id']}").status_code == 410


def test_delete_withdraws_a_draft(contributor: TestClient) -> None:
    claim = drafted(contributor)

    answer = contributor.delete(
        f"/claims/{claim['id']}", params={"reason": REASON}, headers=tag(claim)
    )

    assert answer.json()["status"] == "rejected"


def test_a_contributor_retracts_nothing(
    milia: TestClient, curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)

    answer = contributor.delete(
        f"/claims/{claim['id']}", params={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 403
    assert milia.get(f"/claims/{claim['id']}").status_code == 200


# Proposals.


def proposed(client: TestClient, claim: dict[str, object], **changes: object) -> dict[str, object]:
    answer = client.patch(
        f"/claims/{claim['id']}", json={"reason": REASON} | changes, headers=tag(claim)
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/proposals/{answer.json()['id']}"
    record: dict[str, object] = answer.json()
    return record


def decided(
    client: TestClient, proposal: dict[str, object], verdict: str, status: int = 200
) -> dict[str, object]:
    answer = client.post(
        f"/proposals/{proposal['id']}/{verdict}", json={"reason": REASON}, headers=tag(proposal)
    )
    assert answer.status_code == status, answer.text
    record: dict[str, object] = answer.json()
    return record


def test_a_contributors_change_of_what_is_public_is_a_proposal(
    milia: TestClient, curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)

    proposal = proposed(contributor, claim, statement="Lime helps against milia.")

    assert milia.get(f"/claims/{claim['id']}").json()["version"] == claim["version"]
    assert proposal["status"] == "open"
    assert proposal["patch"] == {"statement": "Lime helps against milia."}


def test_an_accepted_proposal_is_applied_and_its_rivals_are_superseded(
    milia: TestClient, curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)
    accepted = proposed(contributor, claim, statement="Lime helps against milia.")
    rival = proposed(contributor, claim, statement="Lime harms milia.")

    after = decided(curator, accepted, "accept")

    assert after["statement"] == "Lime helps against milia."
    assert after["version"] == claim["version"] + 1
    assert milia.get(f"/claims/{claim['id']}").json()["statement"] == after["statement"]
    assert contributor.get(f"/proposals/{rival['id']}").json()["status"] == "superseded"


def test_a_declined_proposal_changes_nothing(
    milia: TestClient, curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)
    proposal = proposed(contributor, claim, statement="Lime helps against milia.")

    after = decided(curator, proposal, "decline")

    assert (after["status"], after["verdict"]) == ("declined", REASON)
    assert milia.get(f"/claims/{claim['id']}").json()["version"] == claim["version"]


def test_a_proposal_for_an_older_version_is_not_applied(
    curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)
    proposal = proposed(contributor, claim, statement="Lime helps against milia.")
    patched(curator, claim, statement="A curator was faster.")

    decided(curator, proposal, "accept", status=409)

    assert contributor.get(f"/proposals/{proposal['id']}").json()["outdated"] is True


def test_a_proposal_is_decided_once(curator: TestClient, contributor: TestClient) -> None:
    proposal = proposed(contributor, published(curator), statement="Lime helps against milia.")
    after = decided(curator, proposal, "decline")

    decided(curator, after, "accept", status=409)


def test_only_its_author_withdraws_a_proposal(curator: TestClient, contributor: TestClient) -> None:
    proposal = proposed(contributor, published(curator), statement="Lime helps against milia.")

    decided(curator, proposal, "withdraw", status=403)

    assert decided(contributor, proposal, "withdraw")["status"] == "withdrawn"


def test_a_proposal_that_would_not_be_valid_is_refused_at_once(
    curator: TestClient, contributor: TestClient
) -> None:
    claim = published(curator)

    answer = contributor.patch(
        f"/claims/{claim['id']}", json={"words": None, "reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 422


def test_contributors_propose_citations(curator: TestClient, contributor: TestClient) -> None:
    claim = published(curator)
    answer = contributor.post(
        f"/claims/{claim['id']}/citations",
        json={"passage": "milia-syndrome/p2", "locator": "line 2", "reason": REASON},
        headers=tag(claim),
    )
    assert answer.status_code == 202

    after = decided(curator, answer.json(), "accept")

    assert after["passage_count"] == 2


# Four eyes.


def test_with_four_eyes_nobody_publishes_their_own(
    four_eyes: TestClient, milia_sessions: Sessions
) -> None:
    one = signed_in(four_eyes, milia_sessions, Role.curator, "one")
    other = signed_in(four_eyes, milia_sessions, Role.curator, "other")
    claim = moved(one, drafted(one), "submit")

    own = one.post(f"/claims/{claim['id']}/publish", json={"reason": REASON}, headers=tag(claim))

    assert own.status_code == 403
    assert moved(other, claim, "publish")["status"] == "published"


def test_with_four_eyes_who_edits_last_does_not_publish(
    four_eyes: TestClient, milia_sessions: Sessions
) -> None:
    one = signed_in(four_eyes, milia_sessions, Role.curator, "one")
    other = signed_in(four_eyes, milia_sessions, Role.curator, "other")
    claim = patched(other, drafted(one), statement="In the other one's words.")
    claim = moved(one, claim, "submit")

    answer = other.post(
        f"/claims/{claim['id']}/publish", json={"reason": REASON}, headers=tag(claim)
    )

    assert answer.status_code == 403


def test_with_four_eyes_a_curators_change_is_a_proposal_for_another(
    four_eyes: TestClient, milia_sessions: Sessions
) -> None:
    one = signed_in(four_eyes, milia_sessions, Role.curator, "one")
    other = signed_in(four_eyes, milia_sessions, Role.curator, "other")
    claim = moved(other, moved(one, drafted(one), "submit"), "publish")
    proposal = proposed(one, claim, statement="Lime helps against milia.")

    decided(one, proposal, "accept", status=403)

    assert decided(other, proposal, "accept")["statement"] == "Lime helps against milia."
