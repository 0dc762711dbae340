"""Creating and changing claims; edits that cannot collide."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.curation import REASON, body_of, drafted, patched, published, tag
from tests.api.operations import ids_of


@pytest.fixture
def curator(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.curator)


@pytest.fixture
def contributor(milia: TestClient, milia_sessions: Sessions) -> TestClient:
    return signed_in(milia, milia_sessions, Role.contributor)


def test_a_new_claim_is_a_draft_with_an_address_and_a_tag(curator: TestClient) -> None:
    answer = curator.post("/claims", json=body_of())

    claim = answer.json()
    assert answer.status_code == 201
    assert claim["status"] == "draft"
    assert answer.headers["location"] == f"/claims/{claim['id']}"
    assert answer.headers["etag"].startswith(f'"{claim["id"]}.1-')
    assert answer.headers["cache-control"] == "private, no-store"
    assert int(answer.headers["claimbase-change"]) > 1


def test_a_draft_is_out_of_sight_for_the_public(milia: TestClient, curator: TestClient) -> None:
    before = milia.get("/claims?facet=type").json()

    claim = drafted(curator)

    after = milia.get("/claims?facet=type").json()
    assert milia.get(f"/claims/{claim['id']}").status_code == 404
    assert (after["meta"]["total"], after["facets"]) == (before["meta"]["total"], before["facets"])


def test_the_same_claim_again_is_refused_and_named(curator: TestClient) -> None:
    first = drafted(curator)

    answer = curator.post("/claims", json=body_of(statement="The same in other words."))

    assert answer.status_code == 409
    assert answer.json()["existing"] == first["id"]


def test_the_same_key_again_is_refused(curator: TestClient) -> None:
    drafted(curator, body_of("lime", key="my/lime"))

    answer = curator.post("/claims", json=body_of("lemon", key="my/lime"))

    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"question": "cause.nothing"}, "/question"),
        ({"question": "cause.origin"}, "/words"),
        ({"condition": "nowhere"}, "/condition"),
        ({"subject": "no-such-thing"}, "/subject"),
        ({"scope": {"population": "no-such-thing"}}, "/scope/population"),
        ({"citations": [{"passage": "nowhere/p1", "locator": "x"}]}, "/citations/0/passage"),
        ({"concept": "pain"}, "/"),
        ({"statement": ""}, "/statement"),
        ({"unknown": 1}, "/unknown"),
        ({"reason": None}, "/reason"),
    ],
)
def test_what_is_wrong_with_a_claim_is_named(
    curator: TestClient, wrong: dict[str, object], pointer: str
) -> None:

    answer = curator.post("/claims", json=body_of() | wrong)

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_a_patch_makes_the_next_version_and_leaves_the_rest(curator: TestClient) -> None:
    claim = drafted(curator)

    after = patched(curator, claim, statement="Lime helps some people with milia.")

    assert after["version"] == 2
    assert after["statement"] == "Lime helps some people with milia."
    assert after["words"] == claim["words"]
    assert after["citations"] == claim["citations"]


def test_a_patch_of_a_scope_is_merged_into_it(curator: TestClient) -> None:
    claim = drafted(curator, body_of(scope={"age_low": 10, "age_high": 20}))

    after = patched(curator, claim, scope={"age_high": 30})

    assert (after["scope"]["age_low"], after["scope"]["age_high"]) == (10, 30)


def test_null_takes_a_part_away(curator: TestClient) -> None:
    claim = drafted(curator, body_of(scope={"age_low": 10}))

    assert patched(curator, claim, scope=None)["scope"] is None


def test_an_edit_of_an_old_version_changes_nothing(curator: TestClient) -> None:
    old = drafted(curator)
    current = patched(curator, old, statement="The first editor was faster.")

    answer = curator.patch(
        f"/claims/{old['id']}",
        json={"statement": "The second editor is late.", "reason": REASON},
        headers=tag(old),
    )

    problem = answer.json()
    assert answer.status_code == 412
    assert problem["current"]["statement"] == "The first editor was faster."
    assert problem["differing"] == ["statement"]
    assert problem["current_version"] == 2
    assert answer.headers["etag"] == f'"{current["id"]}.2"'
    assert curator.get(f"/claims/{old['id']}").json()["version"] == 2


def test_a_change_without_if_match_is_refused(curator: TestClient) -> None:
    claim = drafted(curator)

    answer = curator.patch(f"/claims/{claim['id']}", json={"words": "x", "reason": REASON})

    assert answer.status_code == 428


@pytest.mark.parametrize("given", ["CLM{n}.1", '"CLM{n}.1"', 'W/"CLM{n}.1-0123456789abcdef-gzip"'])
def test_a_tag_is_read_however_it_is_written(curator: TestClient, given: str) -> None:
    claim = drafted(curator)
    headers = {"If-Match": given.replace("{n}", claim["id"][3:])}

    answer = curator.patch(
        f"/claims/{claim['id']}", json={"words": "honey", "reason": REASON}, headers=headers
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("rubbish", 422),
        ('"CLM1.99999999999999999999"', 422),
        ('"CLM99999999999999999999.1"', 422),
        ('"DOC1.1"', 412),
        ("*", 428),
    ],
)
def test_a_tag_that_fits_no_version_changes_nothing(
    curator: TestClient, given: str, status: int
) -> None:
    claim = drafted(curator)

    answer = curator.patch(
        f"/claims/{claim['id']}",
        json={"words": "x y z", "reason": REASON},
        headers={"If-Match": given},
    )

    assert answer.status_code == status
    assert curator.get(f"/claims/{claim['id']}").json()["version"] == 1


def test_the_tag_of_a_read_is_good_for_a_write(milia: TestClient, curator: TestClient) -> None:
    claim = published(curator)
    read = milia.get(f"/claims/{claim['id']}")

    answer = curator.patch(
        f"/claims/{claim['id']}",
        json={"words": "honey", "reason": REASON},
        headers={"If-Match": read.headers["etag"]},
    )

    assert answer.status_code == 200


def test_a_published_claim_is_found_by_its_new_words(
    milia: TestClient, curator: TestClient
) -> None:
    claim = published(curator)

    patched(curator, claim, words="marmalade", statement="People can look after milia.")

    assert ids_of(milia.get("/claims?q=marmalade").json()["data"]) == [claim["id"]]


def test_a_citation_is_added_as_a_new_version_of_the_claim(curator: TestClient) -> None:
    claim = drafted(curator)

    answer = curator.post(
        f"/claims/{claim['id']}/citations",
        json={"passage": "milia-syndrome/p2", "locator": "line 2", "reason": REASON},
        headers=tag(claim),
    )

    after = answer.json()
    assert after["version"] == 2
    assert [cited["passage"]["key"] for cited in after["citations"]] == ["p1", "p2"]
    assert after["passage_count"] == 2


def test_a_citation_is_changed_alone(curator: TestClient) -> None:
    claim = drafted(curator)
    [cited] = claim["citations"]

    answer = curator.patch(
        f"/claims/{claim['id']}/citations/{cited['id']}",
        json={"certainty": "suspected", "reason": REASON},
        headers=tag(claim),
    )

    [after] = answer.json()["citations"]
    assert after["certainty"] == "suspected"
    assert after["locator"] == cited["locator"]


def test_a_citation_taken_away_stays_in_the_former_version(
    milia: TestClient, curator: TestClient
) -> None:
    body = body_of()
    body["citations"] = [*body["citations"], {"passage": "milia-syndrome/p2", "locator": "x"}]
    claim = published(curator, body)

    answer = curator.delete(
        f"/claims/{claim['id']}/citations/{claim['citations'][0]['id']}",
        params={"reason": REASON},
        headers=tag(claim),
    )

    assert [cited["passage"]["key"] for cited in answer.json()["citations"]] == ["p2"]
    former = milia.get(f"/claims/{claim['id']}.{claim['version']}").json()
    assert len(former["citations"]) == 2


def test_contributors_change_their_own_drafts_only(
    curator: TestClient, contributor: TestClient
) -> None:
    own, foreign = drafted(contributor, body_of("lime")), drafted(curator, body_of("lemon"))

    patched(contributor, own, statement="Their own, in better words.")
    answer = contributor.patch(
        f"/claims/{foreign['id']}",
        json={"statement": "Not their own.", "reason": REASON},
        headers=tag(foreign),
    )

    assert answer.status_code == 403
    assert curator.get(f"/claims/{foreign['id']}").json()["version"] == 1


def test_a_merge_moves_the_citations_and_leads_there(
    milia: TestClient, curator: TestClient
) -> None:
    source, target = published(curator, body_of("lime")), published(curator, body_of("limes"))

    answer = curator.post(
        f"/claims/{source['id']}/merge",
        json={"into": target["id"], "reason": REASON},
        headers=tag(source),
    )

    assert answer.status_code == 200, answer.text
    assert len(answer.json()["citations"]) == 2
    gone = milia.get(f"/claims/{source['id']}")
    assert (gone.status_code, gone.headers["location"]) == (308, f"/claims/{target['id']}")
