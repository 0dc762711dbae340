"""A new text of a document: what stays, what moves, and what waits for a curator."""

import hashlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, patched, tag
from tests.api.sources import DIGEST, Desk, Record, desk_at, done, seed_with_digest, sent
from tests.commands.seeds import FIRST, SECOND, TEXT, cite, claim, load, small_seed


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    """The leaflet's digest is known, and nothing of it is held."""
    return desk_at(client, sessions, seed_with_digest())


@pytest.fixture
def holding(desk: Desk) -> Desk:
    """The same, with the text held."""
    done(put(desk, TEXT))
    return desk


def passages(first: str, second: str) -> list[Record]:
    return [
        {"key": "p1", "start": 0, "end": len(first)},
        {"key": "p2", "start": len(first) + 1, "end": len(first) + 1 + len(second)},
    ]


def put(desk: Desk, text: str, query: str = "", **body: Any) -> Any:
    return sent(desk.curator, "PUT", desk.document(), f"/text{query}", text=text, **body)


def replaced(desk: Desk, first: str, second: str = SECOND) -> Record:
    """What a text of these two passages did to the citations."""
    answer = done(put(desk, f"{first}\n{second}", passages=passages(first, second)))
    assert desk.faults() == []
    report: Record = answer["citations"]
    return report


def cited(desk: Desk, key: str) -> Record:
    [citation] = desk.claim(key)["citations"]
    return dict(citation)


def named(desk: Desk, report: list[Record]) -> set[str]:
    """The values of the claims in a part of the report."""
    claims = {desk.claim(key)["id"]: key for key in ("gene", "gland", "rare", "common", "pain")}
    return {claims[entry["claim"]] for entry in report}


def test_the_text_of_the_known_digest_verifies_and_moves_nothing(desk: Desk) -> None:
    before = cited(desk, "gene")

    answer = done(put(desk, TEXT))

    report = answer["citations"]
    assert answer["text_held"]
    assert (len(report["kept"]), report["moved"], report["orphaned"]) == (5, [], [])
    after = cited(desk, "gene")
    assert after == before | {"verification": "verified"}
    assert before["verification"] == "unverified"
    assert desk.claim("gene")["version"] == 2
    assert desk.faults() == []


def test_a_quote_that_the_known_text_has_elsewhere_refuses_it_and_is_named(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_digest()
    wrong = cite("It comes from a gene")
    seed["claims"][0]["citations"] = [wrong | {"start": 0, "end": len(wrong["quote"])}]
    desk = desk_at(client, sessions, seed)

    answer = put(desk, TEXT)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["citation"] == cited(desk, "gene")["id"]
    start = TEXT.index("It comes from a gene")
    assert error["detail"] == f"The quote stands at {start}..{start + len(wrong['quote'])}."
    assert not desk.document()["text_held"]
    assert desk.claim("rare")["version"] == 1


def test_quotes_that_are_found_once_move_and_the_move_is_told(holding: Desk) -> None:
    first = f"A new beginning. {FIRST}"

    report = replaced(holding, first)

    assert report["orphaned"] == report["kept"] == []
    assert named(holding, report["moved"]) == {"gene", "gland", "rare", "common", "pain"}
    [entry] = [one for one in report["moved"] if one["claim"] == holding.claim("gene")["id"]]
    quote = "It comes from a gene"
    shift = len("A new beginning. ")
    former = TEXT.index(quote)
    assert entry["former"] == {"passage": "p1", "start": former, "end": former + len(quote)}
    assert entry["place"]["start"] == former + shift
    after = cited(holding, "gene")
    assert (after["start"], after["verification"]) == (former + shift, "verified")
    assert holding.claim("gene")["version"] == 3


def test_a_quote_that_is_not_there_any_more_is_orphaned_with_its_place_and_words(
    holding: Desk,
) -> None:
    before = cited(holding, "gene")

    report = replaced(holding, FIRST.replace("gene", "drug"))

    assert named(holding, report["orphaned"]) == {"gene"}
    [entry] = report["orphaned"]
    assert entry["detail"] == "The quote does not occur in the text."
    assert cited(holding, "gene") == before | {"verification": "orphaned"}


def test_a_quote_that_is_there_twice_is_orphaned(holding: Desk) -> None:
    report = replaced(holding, f"{FIRST} It comes from a gene.")

    assert named(holding, report["orphaned"]) == {"gene"}
    assert cited(holding, "gene")["verification"] == "orphaned"
    assert report["orphaned"][0]["detail"].startswith("The quote stands at ")


def test_a_quote_that_is_once_in_its_passage_stays_whatever_the_others_say(holding: Desk) -> None:
    report = replaced(holding, FIRST, f"{SECOND} It comes from a gene.")

    assert named(holding, report["kept"]) == {"gene", "gland", "rare", "common", "pain"}
    assert (report["moved"], report["orphaned"]) == ([], [])


def test_a_quote_that_is_in_another_passage_alone_moves_there(holding: Desk) -> None:
    first = FIRST.replace(" It comes from a gene.", "")

    report = replaced(holding, first, f"{SECOND} It comes from a gene.")

    [entry] = [one for one in report["moved"] if one["claim"] == holding.claim("gene")["id"]]
    assert (entry["former"]["passage"], entry["place"]["passage"]) == ("p1", "p2")
    assert cited(holding, "gene")["passage"]["key"] == "p2"


def test_a_quote_outside_of_all_passages_is_orphaned(holding: Desk) -> None:
    text = f"{FIRST.replace('gene', 'drug')}\n{SECOND} It comes from a gene."
    parts = passages(FIRST, SECOND)

    report = done(put(holding, text, passages=parts))["citations"]

    assert named(holding, report["orphaned"]) == {"gene"}
    assert holding.faults() == []


def test_claims_whose_citations_stay_get_no_new_version(holding: Desk) -> None:
    before = {key: holding.claim(key) for key in ("rare", "common", "gene")}

    replaced(holding, FIRST.replace("gene", "drug"))

    for key in ("rare", "common"):
        assert holding.claim(key) == before[key]
    assert holding.claim("gene")["version"] == before["gene"]["version"] + 1


def test_an_orphan_finds_home_when_its_words_are_back(holding: Desk) -> None:
    before = cited(holding, "gene")
    replaced(holding, FIRST.replace("gene", "drug"))

    report = replaced(holding, FIRST)

    assert len(report["kept"]) == 5
    assert cited(holding, "gene") == before


def test_an_orphan_stays_one_where_its_words_are_still_missing(holding: Desk) -> None:
    replaced(holding, FIRST.replace("gene", "drug"))
    version = holding.claim("gene")["version"]

    report = replaced(holding, FIRST.replace("gene", "toxin"))

    assert named(holding, report["orphaned"]) == {"gene"}
    assert holding.claim("gene")["version"] == version


def test_a_claim_with_an_orphan_can_be_edited_and_mended(holding: Desk) -> None:
    replaced(holding, "A. " + FIRST.replace("a gene", "some gene"))

    claim = patched(holding.curator, holding.claim("gene"), statement="Somebody says: a gene.")

    assert claim["citations"][0]["verification"] == "orphaned"
    quote = "It comes from some gene"
    start = 3 + FIRST.index("It comes")
    citation = {
        "passage": "leaflet/p1",
        "start": start,
        "end": start + len(quote),
        "quote": quote,
    }
    mended = patched(holding.curator, claim, citations=[citation])
    assert mended["citations"][0]["verification"] == "verified"


def test_a_claim_with_an_orphan_beyond_the_end_of_its_passage_can_be_edited(
    holding: Desk,
) -> None:
    replaced(holding, "Milia is rare.", "Milia is common.")

    claim = patched(holding.curator, holding.claim("gland"), statement="Somebody says: glands.")

    assert claim["citations"][0]["verification"] == "orphaned"
    assert claim["citations"][0]["end"] > holding.document()["length"]
    assert holding.faults() == []


def test_all_texts_that_a_document_had_are_kept(holding: Desk) -> None:
    text = TEXT.replace("gene", "drug")
    before = holding.document()

    after = done(put(holding, text))

    assert after["sha256"] == hashlib.sha256(text.encode()).hexdigest() != before["sha256"]
    address = f"/documents/{after['id']}/text"
    assert holding.contributor.get(address).text == text
    done(put(holding, TEXT))
    assert holding.contributor.get(address).text == TEXT


def test_the_same_text_again_is_refused(holding: Desk) -> None:
    assert put(holding, TEXT).status_code == 409


def test_passages_that_do_not_fit_the_new_text_have_to_be_given(holding: Desk) -> None:
    before = holding.document()

    answer = put(holding, FIRST)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/passages/1/end"
    assert holding.document() == before


def test_a_passage_is_not_dropped_from_under_an_orphan(holding: Desk) -> None:
    parts = [{"key": "p2", "start": 0, "end": len(SECOND)}]

    answer = put(holding, SECOND, passages=parts)

    assert answer.status_code == 409
    assert {one["claim"] for one in answer.json()["citations"]} == {
        holding.claim(key)["id"] for key in ("gene", "rare", "pain")
    }
    assert cited(holding, "gene")["verification"] == "verified"


def test_a_passage_is_dropped_where_all_of_its_citations_move(holding: Desk) -> None:
    parts = [{"key": "whole", "heading": "All of it", "start": 0, "end": len(TEXT) + 1}]

    report = done(put(holding, f"{TEXT}!", passages=parts))["citations"]

    assert len(report["moved"]) == 5
    assert {one["place"]["passage"] for one in report["moved"]} == {"whole"}
    assert [part["key"] for part in holding.document()["passages"]] == ["whole"]
    assert holding.claim("gene")["passage_count"] == 1
    assert holding.faults() == []


def test_a_locator_stays_as_long_as_its_passage(client: TestClient, sessions: Sessions) -> None:
    seed = seed_with_digest()
    seed["claims"][0]["citations"] = [{"passage": "leaflet/p1", "locator": "table 2"}]
    desk = desk_at(client, sessions, seed)
    before = cited(desk, "gene")

    done(put(desk, TEXT))

    assert cited(desk, "gene") == before
    whole = [{"key": "whole", "start": 0, "end": len(TEXT) + 1}]
    refused = put(desk, f"{TEXT}!", passages=whole)
    assert refused.status_code == 409
    assert [one["citation"] for one in refused.json()["citations"]] == [before["id"]]


def test_the_first_text_of_a_document_of_unknown_digest_keeps_what_stands_in_its_place(
    client: TestClient, sessions: Sessions
) -> None:
    desk = desk_at(client, sessions, small_seed())
    text = f"{TEXT} Milia is rare."

    report = done(put(desk, text))["citations"]

    assert len(report["kept"]) == 5
    assert cited(desk, "rare")["verification"] == "verified"
    assert desk.faults() == []


def test_offsets_are_code_points(holding: Desk) -> None:
    report = replaced(holding, f"\U0001f600\r\ne\u0301 {FIRST}")

    assert report["orphaned"] == []
    start = 6 + FIRST.index("It comes from a gene")
    assert cited(holding, "gene")["start"] == start


def test_sentences_without_a_claim_are_those_of_the_new_text(holding: Desk) -> None:
    uncited = [{"start": 0, "end": 5, "reason": "A title."}]
    done(sent(holding.curator, "PATCH", holding.document(), uncited=uncited))

    first = done(put(holding, TEXT.replace("gene", "drug")))
    second = done(put(holding, TEXT, uncited=uncited))

    assert (first["uncited"], second["uncited"]) == ([], uncited)


def test_a_dry_run_reports_and_changes_nothing(holding: Desk) -> None:
    before = holding.document()

    answer = done(put(holding, TEXT.replace("gene", "drug"), "?dry_run=true"))

    assert named(holding, answer["record"]["citations"]["orphaned"]) == {"gene"}
    assert holding.document() == before
    assert cited(holding, "gene")["verification"] == "verified"


def test_a_contributor_cannot_replace_a_text(desk: Desk) -> None:
    document = desk.document()
    answer = desk.contributor.put(
        f"/documents/{document['id']}/text",
        json={"text": TEXT, "reason": REASON},
        headers=tag(document),
    )

    assert answer.status_code == 403


def test_the_digest_of_the_held_text_is_the_documents(holding: Desk) -> None:
    assert holding.document()["sha256"] == DIGEST


def test_the_seed_adds_nothing_by_offsets_of_a_text_that_was_replaced(
    holding: Desk, sessions: Sessions
) -> None:
    done(put(holding, TEXT.replace("gene", "drug")))
    seed = seed_with_digest()
    seed["documents"][0]["verified"] = True
    seed["claims"].append(claim("symptom.reported", "gene", cite("It may hurt")))

    report = load(sessions, seed)

    assert "claim milia/symptom.reported/gene" in report.left
    assert len(holding.public.get("/claims").json()["data"]) == 5
    assert holding.faults() == []
