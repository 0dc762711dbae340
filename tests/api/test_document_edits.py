"""Creating and changing documents, and what that does to the claims that cite them."""

import hashlib

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, body_of, tag
from tests.api.sources import DIGEST, Desk, Record, desk_at, done, leaflet, seed_with_digest, sent
from tests.commands.seeds import FIRST, SECOND, TEXT


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions)


def test_a_document_with_text_has_its_digest_and_length_computed(desk: Desk) -> None:
    answer = desk.contributor.post("/documents", json=leaflet())

    document = done(answer, 201)
    assert answer.headers["location"] == f"/documents/{document['id']}"
    assert answer.headers["etag"].startswith(f'"{document["id"]}.1-')
    assert document["sha256"] == DIGEST
    assert document["length"] == len(TEXT)
    assert document["text_held"]
    assert desk.faults() == []


def test_a_text_is_held_code_point_for_code_point(desk: Desk) -> None:
    text = "  e\u0301 \r\n\u00e9 \U0001f600\t"
    passages = [{"key": "p1", "start": 0, "end": len(text)}]
    document = done(
        desk.contributor.post("/documents", json=leaflet(text=text, passages=passages)), 201
    )

    answer = desk.contributor.get(f"/documents/{document['id']}/text")

    assert answer.content == text.encode()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["etag"].startswith(f'"{hashlib.sha256(text.encode()).hexdigest()}')
    assert answer.headers["cache-control"] == "private, no-store"


def test_a_text_is_nobodys_without_a_key_and_not_found_where_none_is_held(desk: Desk) -> None:
    address = f"/documents/{desk.document()['id']}/text"

    assert desk.public.get(address).status_code == 401
    assert desk.contributor.get(address).status_code == 404
    assert desk.contributor.get("/documents/DOC999999/text").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"sha256": "0" * 64}, "/sha256"),
        ({"length": 7}, "/length"),
        ({"passages": [{"key": "p1", "start": 0, "end": 10_000}]}, "/passages/0/end"),
        ({"passages": []}, "/passages"),
        ({"passages": [{"key": "p1", "start": 5, "end": 5}]}, "/passages/0/start"),
        ({"uncited": [{"start": 0, "end": 9_999, "reason": "Long."}]}, "/uncited/0"),
        ({"text": ""}, "/text"),
        ({"key": "Not a key"}, "/key"),
        ({"published_on": "yesterday"}, "/published_on"),
        ({"verified": True}, "/verified"),
        ({"reason": "no"}, "/reason"),
    ],
)
def test_what_is_wrong_with_a_document_is_named(desk: Desk, wrong: Record, pointer: str) -> None:
    answer = desk.contributor.post("/documents", json=leaflet(**wrong))

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_text_has_at_most_two_million_code_points(desk: Desk) -> None:
    text = "\u00e9" * 2_000_001

    refused = desk.contributor.post("/documents", json=leaflet(text=text))
    accepted = desk.contributor.post("/documents", json=leaflet(text=text[1:]))
    too_large = desk.contributor.post("/documents", json=leaflet(text=text * 3))

    assert refused.json()["errors"][0]["pointer"] == "/text"
    assert done(accepted, 201)["length"] == 2_000_000
    assert too_large.status_code == 413


def test_the_key_of_another_document_is_refused_and_that_one_named(desk: Desk) -> None:
    answer = desk.contributor.post("/documents", json=leaflet(key="leaflet"))

    assert answer.status_code == 409
    assert answer.json()["existing"] == desk.document()["id"]


def test_a_dry_run_makes_no_document(desk: Desk) -> None:
    answer = done(desk.contributor.post("/documents?dry_run=true", json=leaflet()))

    assert answer["record"]["id"] is None
    assert desk.public.get("/documents").json()["meta"]["total"] == 1


def test_a_quote_in_a_held_text_is_verified_and_a_wrong_place_is_told(desk: Desk) -> None:
    done(desk.contributor.post("/documents", json=leaflet()), 201)
    quote = "Milia is"
    cited = {"passage": "flyer/p1", "start": 0, "end": len(quote), "quote": quote}

    right = desk.contributor.post("/claims", json=body_of("one", citations=[cited]))
    moved = cited | {"start": 1, "end": len(quote) + 1}
    wrong = desk.contributor.post("/claims", json=body_of("two", citations=[moved]))
    absent = cited | {"quote": "Milia ix"}
    missing = desk.contributor.post("/claims", json=body_of("three", citations=[absent]))

    assert done(right, 201)["citations"][0]["verification"] == "verified"
    [error] = wrong.json()["errors"]
    second = TEXT.index(quote, 1)
    assert error["pointer"] == "/citations/0/start"
    assert error["code"] == "quote_not_there"
    places = f"0..{len(quote)} and {second}..{second + len(quote)}"
    assert error["detail"] == f"The quote stands at {places}."
    assert missing.json()["errors"][0]["detail"] == "The quote does not occur in the text."


def test_a_patch_changes_what_it_names_and_nothing_else(desk: Desk) -> None:
    before = desk.document()

    after = done(sent(desk.curator, "PATCH", before, title="A better title", url="https://x.org/"))

    named = {"title", "url", "version", "updated_at"}
    assert (after["title"], after["version"]) == ("A better title", before["version"] + 1)
    assert {name for name in after if after[name] != before[name]} == named
    assert desk.faults() == []


def test_null_takes_a_field_away_but_not_one_that_is_needed(desk: Desk) -> None:
    document = done(sent(desk.curator, "PATCH", desk.document(), publisher="Somebody"))

    assert done(sent(desk.curator, "PATCH", document, publisher=None))["publisher"] is None
    refused = sent(desk.curator, "PATCH", desk.document(), passages=None)
    assert refused.status_code == 422


@pytest.mark.parametrize("name", ["key", "id", "status", "text", "text_held", "version"])
def test_a_patch_cannot_change_what_is_not_its_own(desk: Desk, name: str) -> None:
    answer = sent(desk.curator, "PATCH", desk.document(), **{name: "leaflet"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{name}"


def test_of_two_edits_from_one_version_the_second_is_told_what_differs(desk: Desk) -> None:
    document = desk.document()
    done(sent(desk.curator, "PATCH", document, title="The first one"))

    answer = sent(desk.curator, "PATCH", document, title="The second one")

    assert answer.status_code == 412
    assert answer.json()["current"]["title"] == "The first one"
    assert answer.json()["differing"] == ["title"]
    assert desk.document()["title"] == "The first one"


@pytest.mark.parametrize("tagged", ['"DOC999999.1"', '"CLM1.1"'])
def test_the_tag_of_another_record_changes_nothing(desk: Desk, tagged: str) -> None:
    document = desk.document()

    answer = desk.curator.patch(
        f"/documents/{document['id']}",
        json={"title": "Another", "reason": REASON},
        headers={"If-Match": tagged},
    )

    assert answer.status_code == 412
    assert desk.document() == document


def test_passages_that_nothing_cites_can_change(desk: Desk) -> None:
    document = done(desk.contributor.post("/documents", json=leaflet()), 201)
    passages = [
        {"key": "p0", "start": 0, "end": 4},
        {"key": "p1", "heading": "Now named", "start": 4, "end": 20},
    ]

    after = done(sent(desk.curator, "PATCH", document, passages=passages))

    assert [part["key"] for part in after["passages"]] == ["p0", "p1"]
    assert after["passages"][1]["id"] == document["passages"][0]["id"]
    assert desk.faults() == []


@pytest.mark.parametrize(
    "passages",
    [
        [{"key": "p2", "start": len(FIRST) + 1, "end": len(TEXT)}],
        [
            {"key": "p1", "start": 0, "end": 5},
            {"key": "p2", "start": len(FIRST) + 1, "end": len(TEXT)},
        ],
    ],
)
def test_a_cited_passage_stays_around_its_citations(desk: Desk, passages: list[Record]) -> None:
    document = desk.document()

    answer = sent(desk.curator, "PATCH", document, passages=passages)

    assert answer.status_code == 409
    named = {one["citation"] for one in answer.json()["citations"]}
    cited = {one["id"] for key in ("gene", "rare", "pain") for one in desk.claim(key)["citations"]}
    assert named == cited
    assert answer.json()["citations_total"] == 3
    assert desk.document() == document


def test_the_digest_of_a_text_that_is_held_is_not_changed_by_a_patch(desk: Desk) -> None:
    document = done(desk.contributor.post("/documents", json=leaflet()), 201)

    answer = sent(desk.curator, "PATCH", document, sha256="0" * 64)

    assert answer.status_code == 409


@pytest.mark.parametrize("status", ["superseded", "retracted"])
def test_a_document_that_is_not_active_takes_its_claims_out_of_conflicts_at_once(
    desk: Desk, status: str
) -> None:
    before = desk.flagged()
    address = "/conflicts?condition=milia"
    conflicts = desk.public.get(address).json()["meta"]["total"]

    document = done(sent(desk.curator, "POST", desk.document(), "/status", status=status))

    assert document["status"] == status
    assert before == {"gene", "gland", "rare", "common"}
    assert desk.flagged() == set()
    assert desk.public.get(address).json()["meta"]["total"] == 0
    assert desk.faults() == []
    again = done(sent(desk.curator, "POST", document, "/status", status="active"))
    assert desk.flagged() == before
    assert desk.public.get(address).json()["meta"]["total"] == conflicts
    assert again["version"] == document["version"] + 1
    assert desk.faults() == []


def test_a_dry_run_of_a_status_tells_which_conflicts_would_close(desk: Desk) -> None:
    answer = done(
        sent(desk.curator, "POST", desk.document(), "/status?dry_run=true", status="retracted")
    )

    assert len(answer["conflicts"]["closed"]) == 2
    assert desk.document()["status"] == "active"
    assert desk.flagged() == {"gene", "gland", "rare", "common"}


def test_claims_count_all_citing_documents_whatever_their_status(desk: Desk) -> None:
    before = desk.claim("gene")

    done(sent(desk.curator, "POST", desk.document(), "/status", status="retracted"))

    after = desk.claim("gene")
    assert (after["passage_count"], after["document_count"]) == (
        before["passage_count"],
        before["document_count"],
    )
    assert after["version"] == before["version"]


def test_a_document_names_what_replaces_it(desk: Desk) -> None:
    newer = done(desk.contributor.post("/documents", json=leaflet()), 201)

    older = done(
        sent(
            desk.curator,
            "POST",
            desk.document(),
            "/status",
            status="superseded",
            replaced_by=newer["id"],
        )
    )

    assert older["replaced_by"] == newer["id"]
    circle = sent(
        desk.curator, "POST", newer, "/status", status="superseded", replaced_by=older["id"]
    )
    assert circle.status_code == 422
    assert circle.json()["errors"][0]["pointer"] == "/replaced_by"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "superseded", "replaced_by": "DOC999999"},
        {"status": "active", "replaced_by": "DOC1"},
        {"status": "gone"},
    ],
)
def test_a_status_that_cannot_be_is_refused(desk: Desk, body: dict[str, str]) -> None:
    assert sent(desk.curator, "POST", desk.document(), "/status", **body).status_code == 422


def test_a_status_that_it_has_already_is_refused(desk: Desk) -> None:
    answer = sent(desk.curator, "POST", desk.document(), "/status", status="active")

    assert answer.status_code == 409


def test_a_cited_document_cannot_be_deleted(desk: Desk) -> None:
    document = desk.document()

    answer = desk.admin.delete(
        f"/documents/{document['id']}", params={"reason": REASON}, headers=tag(document)
    )

    assert answer.status_code == 409
    assert answer.json()["citations_total"] == 5
    assert desk.document() == document


def test_a_deleted_document_is_retracted_and_still_there(desk: Desk) -> None:
    document = done(desk.contributor.post("/documents", json=leaflet()), 201)
    address = f"/documents/{document['id']}"

    refused = desk.curator.delete(address, params={"reason": REASON}, headers=tag(document))
    after = done(desk.admin.delete(address, params={"reason": REASON}, headers=tag(document)))

    assert refused.status_code == 403
    assert after["status"] == "retracted"
    assert desk.contributor.get(f"{address}/text").text == TEXT
    assert desk.faults() == []


def test_a_document_that_is_not_there_cannot_be_changed(desk: Desk) -> None:
    missing = {"id": "DOC999999", "version": 1}

    for method, path in (("PATCH", ""), ("POST", "/status"), ("PUT", "/text"), ("POST", "/merge")):
        body = {"/status": {"status": "retracted"}, "/text": {"text": SECOND}}.get(path, {})
        extra = {"into": "DOC1"} if path == "/merge" else body
        assert sent(desk.curator, method, missing, path, **extra).status_code == 404


def test_an_idempotent_creation_is_answered_the_same_again(desk: Desk) -> None:
    headers = {"Idempotency-Key": "once"}

    first = desk.contributor.post("/documents", json=leaflet(), headers=headers)
    again = desk.contributor.post("/documents", json=leaflet(), headers=headers)

    assert (again.status_code, again.json()) == (201, first.json())
    assert desk.public.get("/documents").json()["meta"]["total"] == 2


def test_metadata_of_a_known_text_can_change(client: TestClient, sessions: Sessions) -> None:
    desk = desk_at(client, sessions, seed_with_digest())

    after = done(sent(desk.curator, "PATCH", desk.document(), publisher="The Ministry"))

    assert (after["publisher"], after["sha256"]) == ("The Ministry", DIGEST)
