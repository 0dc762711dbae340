"""The versions of a record: who changed what, when and why."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, body_of, drafted, moved, patched, tag
from tests.api.operations import walk
from tests.api.sources import Desk, desk_at, done, sent

Record = dict[str, Any]


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    client.follow_redirects = False
    return desk_at(client, sessions)


def versions(client: TestClient, address: str) -> list[Record]:
    return walk(client, f"{address}/revisions?limit=2")


def places(revision: Record) -> dict[str, tuple[Any, Any]]:
    return {one["pointer"]: (one["before"], one["after"]) for one in revision["changes"]}


def test_each_version_tells_what_it_changed_and_why(desk: Desk) -> None:
    claim = desk.claim("gene")
    patched(desk.curator, claim, statement="It is a gene.", reason="Shorter.")

    newest, first = versions(desk.public, f"/claims/{claim['id']}")

    assert places(newest) == {"/statement": (claim["statement"], "It is a gene.")}
    assert (newest["version"], newest["action"], newest["reason"]) == (2, "updated", "Shorter.")
    assert newest["record"]["statement"] == "It is a gene."
    assert (first["version"], first["action"], first["changes"]) == (1, "created", [])


def test_citations_are_compared_by_their_ids(desk: Desk) -> None:
    claim = desk.claim("gene")
    body = {"passage": "leaflet/p2", "locator": "line 1", "reason": REASON}
    address = f"/claims/{claim['id']}"
    after = done(desk.curator.post(f"{address}/citations", json=body, headers=tag(claim)))
    added = after["citations"][1]
    gone = f"{address}/citations/{claim['citations'][0]['id']}?reason=It+was+misread."
    done(desk.curator.delete(gone, headers=tag(after)))

    removed, second, _ = versions(desk.public, address)

    assert places(second) == {"/citations/1": (None, added)}
    assert places(removed) == {"/citations/0": (claim["citations"][0], None)}


def test_who_did_it_is_for_readers_with_a_key(desk: Desk) -> None:
    claim = desk.claim("gene")
    patched(desk.curator, claim, statement="It is a gene.")
    address = f"/claims/{claim['id']}"

    assert versions(desk.public, address)[0]["actor"] is None
    assert versions(desk.public, address)[0]["key_id"] is None
    assert versions(desk.contributor, address)[0]["actor"] == "some-curator"
    assert versions(desk.contributor, address)[0]["key_id"]


def test_anybody_sees_what_was_public_and_that_it_was_withdrawn(desk: Desk) -> None:
    body = body_of(citations=[{"passage": "leaflet/p1", "locator": "line 1"}])
    draft = drafted(desk.curator, body | {"statement": "A first attempt."})
    draft = patched(desk.curator, draft, statement="Lime may help.")
    published = moved(desk.curator, moved(desk.curator, draft, "submit"), "publish")
    retracted = moved(desk.curator, published, "retract", reason="It was misread.")
    moved(desk.curator, retracted, "restore")
    address = f"/claims/{published['id']}"

    restored, withdrawn, first = versions(desk.public, address)

    assert (first["version"], first["changes"]) == (published["version"], [])
    assert (withdrawn["action"], withdrawn["record"]) == ("retracted", None)
    assert withdrawn["reason"] == "It was misread."
    assert restored["changes"] == []
    assert desk.public.get(f"{address}/revisions").json()["meta"]["total"] == 3
    assert "A first attempt." not in desk.public.get(f"{address}/revisions").text
    assert len(versions(desk.contributor, address)) == restored["version"]


def test_a_difference_across_a_page_is_told_too(desk: Desk) -> None:
    claim = desk.claim("gene")
    for number in range(4):
        claim = patched(desk.curator, desk.claim("gene"), statement=f"Gene {number}.")

    whole = desk.public.get(f"/claims/{claim['id']}/revisions?limit=100").json()["data"]

    assert walk(desk.public, f"/claims/{claim['id']}/revisions?limit=1") == whole
    assert [len(revision["changes"]) for revision in whole] == [1, 1, 1, 1, 0]


def test_a_draft_has_no_versions_for_anybody(desk: Desk) -> None:
    claim = drafted(desk.curator, body_of(citations=[]))

    assert desk.public.get(f"/claims/{claim['id']}/revisions").status_code == 404
    assert desk.contributor.get(f"/claims/{claim['id']}/revisions").status_code == 200


def test_documents_concepts_conditions_and_conflicts_have_versions(desk: Desk) -> None:
    done(sent(desk.curator, "PATCH", desk.concept("gland"), label="A gland"))
    document = desk.document()
    done(sent(desk.curator, "POST", document, "/status", status="retracted"))
    [closed, *_] = walk(desk.public, "/conflicts?status=closed")

    concept = versions(desk.public, "/concepts/gland")
    assert places(concept[0]) == {"/label": ("Gland", "A gland")}
    source = versions(desk.public, f"/documents/{document['id']}")
    assert places(source[0]) == {"/status": ("active", "retracted")}
    conflict = versions(desk.public, f"/conflicts/{closed['id']}")
    assert conflict[0]["action"] == "conflict.closed"
    assert places(conflict[0])["/status"] == ("open", "closed")
    assert [one["version"] for one in versions(desk.public, "/conditions/milia")] == [1]


def test_an_alias_leads_to_the_versions_of_its_condition(desk: Desk) -> None:
    answer = desk.public.get("/conditions/milia-syndrome/revisions?limit=1")

    assert answer.status_code == 308
    assert answer.headers["location"] == "/conditions/milia/revisions?limit=1"


@pytest.mark.parametrize(
    "address", ["/claims/CLM999", "/claims/x", "/conflicts/CNF999", "/concepts/%00", "/documents/1"]
)
def test_what_is_not_there_has_no_versions(desk: Desk, address: str) -> None:
    assert desk.public.get(f"{address}/revisions").status_code == 404


def test_a_cursor_of_another_record_is_refused(desk: Desk) -> None:
    claim = desk.claim("gene")
    patched(desk.curator, claim, statement="It is a gene.")
    page = desk.public.get(f"/claims/{claim['id']}/revisions?limit=1").json()["page"]

    other = desk.claim("gland")["id"]
    answer = desk.public.get(f"/claims/{other}/revisions?cursor={page['next_cursor']}")

    assert answer.status_code == 400
