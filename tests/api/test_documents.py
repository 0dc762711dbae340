"""``/documents`` and one document with its passages."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.vocabulary import ClaimStatus
from tests.api.operations import ids_of, walk
from tests.factories import make_claim


def milia_document(client: TestClient) -> str:
    rows = walk(client, "/documents")
    [name] = [row["id"] for row in rows if row["key"] == "milia-syndrome"]
    return str(name)


def test_the_list_counts_the_passages_of_each_document(milia: TestClient) -> None:
    name = milia_document(milia)
    document = milia.get(f"/documents/{name}").json()

    [row] = [row for row in walk(milia, "/documents") if row["id"] == name]

    assert row["passages"] == len(document["passages"]) >= 10


def test_a_document_has_its_passages_in_order_without_overlap(milia: TestClient) -> None:
    document = milia.get(f"/documents/{milia_document(milia)}").json()

    keys = [passage["key"] for passage in document["passages"]]
    assert keys[:2] == ["p1", "p2"]
    ends = [0, *(passage["end"] for passage in document["passages"])]
    for passage, end_before in zip(document["passages"], ends, strict=False):
        assert end_before <= passage["start"] < passage["end"] <= document["length"]


def test_a_document_can_be_recognised_by_its_digest(milia: TestClient) -> None:
    document = milia.get(f"/documents/{milia_document(milia)}").json()

    assert len(document["sha256"]) == 64
    assert document["title"]
    assert document["status"] == "active"


def test_each_uncited_sentence_has_its_reason(milia: TestClient) -> None:
    document = milia.get(f"/documents/{milia_document(milia)}").json()

    for sentence in document["uncited"]:
        assert 0 <= sentence["start"] < sentence["end"] <= document["length"]
        assert sentence["reason"]


def test_the_citations_of_its_passages_are_counted(milia: TestClient) -> None:
    document = milia.get(f"/documents/{milia_document(milia)}").json()

    claims = walk(milia, "/claims?document=milia-syndrome&limit=100")
    for passage in document["passages"]:
        citing = sum(
            citation["passage"]["id"] == passage["id"]
            for claim in claims
            for citation in claim["citations"]
        )
        assert passage["citations"] == citing


@pytest.mark.parametrize("status", [ClaimStatus.draft, ClaimStatus.retracted])
def test_citations_of_what_is_not_published_are_not_counted(
    milia: TestClient,
    milia_sessions: Sessions,
    status: ClaimStatus,
) -> None:
    before = milia.get(f"/documents/{milia_document(milia)}").json()
    with milia_sessions.write.begin() as session:
        make_claim(session, status=status, passages=["p1", "p2"])

    assert milia.get(f"/documents/{milia_document(milia)}").json() == before


def test_a_citation_of_a_published_claim_is_counted(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    before = milia.get(f"/documents/{milia_document(milia)}").json()
    with milia_sessions.write.begin() as session:
        make_claim(session, passages=["p2"])

    after = milia.get(f"/documents/{milia_document(milia)}").json()

    assert after["passages"][1]["citations"] == before["passages"][1]["citations"] + 1


@pytest.mark.parametrize("name", ["DOC0", "DOC999999", "doc1", "DOC1.1", "milia", "PSG1"])
def test_a_document_that_is_not_there_is_not_found(milia: TestClient, name: str) -> None:
    assert milia.get(f"/documents/{name}").status_code == 404


def test_the_text_itself_is_not_given_away(milia: TestClient) -> None:
    document = milia.get(f"/documents/{milia_document(milia)}").json()

    assert "text" not in document


def test_an_empty_base_has_no_documents(client: TestClient) -> None:
    assert ids_of(client.get("/documents").json()["data"]) == []
