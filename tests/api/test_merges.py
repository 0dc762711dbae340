"""Two records of one document are merged without losing anything."""

import hashlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import body_of
from tests.api.sources import DIGEST, Desk, Record, desk_at, done, leaflet, seed_with_digest, sent
from tests.commands.seeds import FIRST, TEXT, cite


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions, seed_with_digest())


def copy_of_the_leaflet(desk: Desk, text: str | None = TEXT, **parts: Any) -> Record:
    """Another record of the leaflet, its passages under other keys."""
    passages = [
        {"key": "one", "start": 0, "end": len(FIRST)},
        {"key": "two", "start": len(FIRST) + 1, "end": len(TEXT)},
    ]
    body = leaflet(passages=passages, text=text, **parts)
    return done(desk.contributor.post("/documents", json=body), 201)


def merged(desk: Desk, into: Record, query: str = "") -> Any:
    return sent(desk.curator, "POST", desk.document(), f"/merge{query}", into=into["id"])


def test_the_citations_move_to_the_passages_of_the_same_span(desk: Desk) -> None:
    copy = copy_of_the_leaflet(desk)
    before = desk.claim("gene")

    answer = done(merged(desk, copy))

    assert answer["id"] == copy["id"]
    assert [passage["citations"] for passage in answer["passages"]] == [3, 2]
    after = desk.claim("gene")
    [citation] = after["citations"]
    assert citation["id"] == before["citations"][0]["id"]
    assert (citation["document"]["key"], citation["passage"]["key"]) == ("flyer", "one")
    assert citation["verification"] == "verified"
    assert after["version"] == before["version"] + 1
    assert desk.faults() == []


def test_the_merged_document_leads_to_the_other(desk: Desk) -> None:
    source = desk.document()
    copy = copy_of_the_leaflet(desk)

    done(merged(desk, copy))

    [row] = [
        row for row in desk.public.get("/documents").json()["data"] if row["id"] == source["id"]
    ] or [{"merged": True, "replaced_by": copy["id"], "status": "superseded"}]
    assert (row["merged"], row["replaced_by"], row["status"]) == (True, copy["id"], "superseded")
    refused = sent(desk.curator, "PATCH", source | {"version": 2}, title="Another title")
    assert refused.status_code == 409


def test_conflicts_stay_and_name_the_new_source(desk: Desk) -> None:
    flagged = desk.flagged()
    copy = copy_of_the_leaflet(desk)

    done(merged(desk, copy))

    assert desk.flagged() == flagged
    conflicts = desk.public.get("/conflicts?condition=milia").json()["data"]
    sources = {name for one in conflicts for side in one["sides"] for name in side["documents"]}
    assert sources == {copy["id"]}


def test_a_citation_that_the_claim_has_there_already_collapses(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_digest()
    second = seed["documents"][0] | {"key": "reprint", "title": "A reprint"}
    seed["documents"].append(second)
    quoted = cite("It comes from a gene")
    seed["claims"][0]["citations"].append(quoted | {"passage": "reprint/p1"})
    desk = desk_at(client, sessions, seed)

    done(merged(desk, desk.document("reprint")))

    claim = desk.claim("gene")
    assert len(claim["citations"]) == 1
    assert (claim["passage_count"], claim["document_count"]) == (1, 1)
    assert desk.faults() == []


def test_citations_at_one_place_that_are_read_differently_refuse_the_merge(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_digest()
    seed["documents"].append(seed["documents"][0] | {"key": "reprint"})
    quoted = cite("It comes from a gene", certainty="suspected")
    seed["claims"][0]["citations"].append(quoted | {"passage": "reprint/p1"})
    desk = desk_at(client, sessions, seed)

    answer = merged(desk, desk.document("reprint"))

    assert answer.status_code == 409
    both = {one["id"] for one in desk.claim("gene")["citations"]}
    assert {one["citation"] for one in answer.json()["citations"]} == both
    assert not desk.document()["merged"]


@pytest.mark.parametrize(
    "parts",
    [
        {"text": TEXT.replace("a gene", "a drug")},
        {"text": None},
        {"text": None, "sha256": hashlib.sha256(b"another").hexdigest()},
        {"passages": [{"key": "other", "start": 0, "end": 4}]},
    ],
)
def test_citations_that_would_not_be_true_there_refuse_the_merge_and_are_named(
    desk: Desk, parts: Record
) -> None:
    copy = copy_of_the_leaflet(desk) if "passages" not in parts else None
    body = leaflet(**{"passages": (copy or {}).get("passages")} | parts, key="other-flyer")
    for passage in body["passages"]:
        passage.pop("id", None)
        passage.pop("citations", None)
    other = done(desk.contributor.post("/documents", json=body), 201)
    before = desk.document()

    answer = merged(desk, other)

    assert answer.status_code == 409
    gene = desk.claim("gene")
    assert gene["citations"][0]["id"] in {one["citation"] for one in answer.json()["citations"]}
    assert desk.document() == before
    assert gene["version"] == 1


def test_the_same_digest_is_enough_where_no_text_is_held(desk: Desk) -> None:
    copy = copy_of_the_leaflet(desk, None, sha256=DIGEST)

    done(merged(desk, copy))

    assert desk.claim("gene")["citations"][0]["verification"] == "unverified"
    assert desk.faults() == []


@pytest.mark.parametrize("into", ["DOC999999", "itself"])
def test_a_document_is_not_merged_into_nothing_or_itself(desk: Desk, into: str) -> None:
    document = desk.document()
    target = document["id"] if into == "itself" else into

    answer = sent(desk.curator, "POST", document, "/merge", into=target)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/into"


def test_a_merged_document_is_no_target(desk: Desk) -> None:
    copy = copy_of_the_leaflet(desk)
    source = desk.document()
    done(merged(desk, copy))

    answer = sent(desk.curator, "POST", copy, "/merge", into=source["id"])

    assert answer.status_code == 422


def test_what_was_merged_cannot_be_cited(desk: Desk) -> None:
    done(merged(desk, copy_of_the_leaflet(desk)))

    cited = [{"passage": "leaflet/p1", "locator": "line 1"}]
    answer = desk.contributor.post("/claims", json=body_of(citations=cited))

    assert answer.status_code == 422


def test_a_dry_run_of_a_merge_changes_nothing(desk: Desk) -> None:
    copy = copy_of_the_leaflet(desk)
    before = desk.claim("gene")

    done(merged(desk, copy, "?dry_run=true"))

    assert desk.claim("gene") == before
    assert not desk.document()["merged"]
