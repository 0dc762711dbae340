"""What was withdrawn or merged: a tombstone, or a redirect."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, body_of, drafted, moved, published, tag
from tests.api.history import last_change
from tests.api.operations import ids_of, walk
from tests.api.sources import Desk, desk_at, done, leaflet, sent

Record = dict[str, Any]
CITED: Record = {"citations": [{"passage": "leaflet/p1", "locator": "line 1"}]}


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    client.follow_redirects = False
    return desk_at(client, sessions)


def merge_claims(desk: Desk, source: Record, target: Record) -> None:
    body = {"into": target["id"], "reason": REASON}
    address = f"/claims/{source['id']}/merge"
    done(desk.curator.post(address, json=body, headers=tag(source)))


def test_a_withdrawn_claim_leaves_a_tombstone(desk: Desk) -> None:
    claim, other = desk.claim("gene"), desk.claim("gland")
    moved(desk.curator, claim, "retract", reason="It was misread.", replaced_by=other["id"])

    answer = desk.public.get(f"/claims/{claim['id']}")

    body = answer.json()
    assert (answer.status_code, body["code"]) == (410, "withdrawn")
    assert body["reason"] == "It was misread."
    assert body["replaced_by"] == other["id"]
    assert body["versions"] == [f"/claims/{claim['id']}.1"]
    assert body["withdrawn_at"].endswith("Z")
    for version in body["versions"]:
        assert done(desk.public.get(version))["withdrawn"]["at"] == body["withdrawn_at"]
    assert desk.public.get(f"/claims/{claim['id']}/citations").status_code == 410


def test_a_restored_claim_is_not_marked(desk: Desk) -> None:
    claim = moved(desk.curator, desk.claim("gene"), "retract")
    moved(desk.curator, claim, "restore")

    assert done(desk.public.get(f"/claims/{claim['id']}"))["withdrawn"] is None
    assert done(desk.public.get(f"/claims/{claim['id']}.1"))["withdrawn"] is None


def test_who_is_signed_in_reads_what_is_not_public(desk: Desk) -> None:
    draft = drafted(desk.curator, body_of(**CITED))
    retracted = moved(desk.curator, desk.claim("gene"), "retract", reason="It was misread.")

    assert done(desk.contributor.get(f"/claims/{draft['id']}"))["status"] == "draft"
    seen = done(desk.contributor.get(f"/claims/{retracted['id']}"))
    assert (seen["status"], seen["withdrawn"]["reason"]) == ("retracted", "It was misread.")
    assert desk.public.get(f"/claims/{draft['id']}").status_code == 404
    assert desk.public.get(f"/claims/{draft['id']}.1").status_code == 404
    assert done(desk.contributor.get(f"/claims/{draft['id']}.1"))["status"] == "draft"


def test_a_merged_claim_leads_to_the_other(desk: Desk) -> None:
    source = published(desk.curator, body_of(**CITED))
    target = published(desk.curator, body_of("limes", **CITED))
    before = last_change(desk.sessions)
    merge_claims(desk, source, target)

    for part in ("", "/citations"):
        answer = desk.public.get(f"/claims/{source['id']}{part}?as_of={before + 1}")
        assert answer.status_code == 308
        wanted = f"/claims/{target['id']}{part}?as_of={before + 1}"
        assert answer.headers["location"] == wanted
    then = done(desk.public.get(f"/claims/{source['id']}?as_of={before}"))
    assert then["withdrawn"]["replaced_by"] == target["id"]


def test_a_draft_that_was_merged_stays_unknown_to_anybody(desk: Desk) -> None:
    source = drafted(desk.curator, body_of(**CITED))
    target = published(desk.curator, body_of("limes", **CITED))
    merge_claims(desk, source, target)

    assert desk.public.get(f"/claims/{source['id']}").status_code == 404
    assert desk.contributor.get(f"/claims/{source['id']}").status_code == 308


def test_a_merged_document_leads_to_the_other_and_is_in_no_list(desk: Desk) -> None:
    parts = [
        {"key": p["key"], "start": p["start"], "end": p["end"]} for p in desk.document()["passages"]
    ]
    other = done(desk.curator.post("/documents", json=leaflet(passages=parts)), 201)
    source = desk.document()
    before = last_change(desk.sessions)
    done(sent(desk.curator, "POST", source, "/merge", into=other["id"]))

    answer = desk.public.get(f"/documents/{source['id']}")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"/documents/{other['id']}"
    assert ids_of(walk(desk.public, "/documents")) == [other["id"]]
    by_old_name = walk(desk.public, "/claims?document=leaflet&limit=100")
    assert by_old_name == walk(desk.public, "/claims?document=flyer&limit=100") != []
    then = done(desk.public.get(f"/documents/{source['id']}?as_of={before}"))
    assert then["passages"] == source["passages"]


def test_a_merged_concept_leads_to_the_other_and_its_names_find_it(desk: Desk) -> None:
    before = last_change(desk.sessions)
    known = done(desk.public.get("/concepts/pain"))
    made = {"key": "ache", "label": "Ache", "kind": "special", "reason": REASON}
    other = done(desk.curator.post("/concepts", json=made), 201)
    done(sent(desk.curator, "POST", desk.concept("pain"), "/merge", into=other["key"]))
    number = last_change(desk.sessions)

    answer = desk.public.get("/concepts/pain")
    assert answer.status_code == 308
    assert answer.headers["location"] == "/concepts/ache"
    keys = [row["key"] for row in walk(desk.public, "/concepts?limit=100")]
    assert ("pain" in keys, "ache" in keys) == (False, True)
    by_old_key = walk(desk.public, "/claims?concept=pain")
    assert [row["concept"]["key"] for row in by_old_key] == ["ache"]
    then = walk(desk.public, f"/claims?condition=milia&concept=pain&as_of={number}")
    assert then == by_old_key
    was = done(desk.public.get(f"/concepts/pain?as_of={before}"))
    assert {**was, "as_of": None} == known
