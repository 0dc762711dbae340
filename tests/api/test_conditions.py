"""``/conditions`` and the page of one condition."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request

from app.answers import redirect
from app.config import Settings
from app.db import Sessions
from app.main import create_app
from app.vocabulary import ClaimStatus, load_vocabulary
from tests.api.operations import ids_of, walk
from tests.factories import claim_id, make_claim, set_status


def claims_of(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [claim for group in page["claims"] for claim in group["data"]]


def test_the_list_has_each_condition_with_its_counts(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    [row] = milia.get("/conditions").json()["data"]

    assert row["slug"] == "milia"
    assert row["claims"] == page["counts"]["claims"]
    assert row["conflicts"] == page["counts"]["conflicts"]


def test_a_base_without_conditions_has_an_empty_list(client: TestClient) -> None:
    body = client.get("/conditions").json()

    assert body["data"] == []
    assert body["meta"]["total"] == 0
    assert body["page"]["next"] is None


def test_the_page_has_every_public_claim_once(milia: TestClient) -> None:
    listed = ids_of(walk(milia, "/claims?condition=milia&limit=100"))

    page = milia.get("/conditions/milia").json()

    assert sorted(ids_of(claims_of(page))) == sorted(listed)
    assert len(listed) == len(set(listed)) == page["counts"]["claims"]
    assert page["truncated"] is False


def test_the_page_groups_its_claims_by_type_in_the_order_of_the_vocabulary(
    milia: TestClient,
) -> None:
    page = milia.get("/conditions/milia").json()

    types = [group["type"] for group in page["claims"]]
    order = [row.key for row in load_vocabulary().types]
    assert types == [key for key in order if key in types]
    for group in page["claims"]:
        assert {claim["type"] for claim in group["data"]} == {group["type"]}
        assert len(group["data"]) == group["claims"]
        assert sum(claim["conflict"] for claim in group["data"]) == group["claims_in_conflict"]


def test_the_page_counts_what_it_shows(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    claims, counts = claims_of(page), page["counts"]
    assert counts["claims_in_conflict"] == sum(claim["conflict"] for claim in claims)
    assert counts["citations"] == sum(len(claim["citations"]) for claim in claims)
    assert counts["conflicts"] == sum(conflict["conflict"] for conflict in page["conflicts"])
    assert counts["conflicts"] + counts["tensions"] == len(page["conflicts"])
    assert counts["documents"] == len(page["documents"])
    assert counts["passages"] == sum(len(each["passages"]) for each in page["documents"])
    for row in counts["by_type"]:
        assert row["claims"] == sum(claim["type"] == row["type"] for claim in claims)


def test_the_page_has_names_ids_disclaimer_and_links_that_work(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    assert page["name"] == "Milia"
    assert "milia-syndrome" in [alias["slug"] for alias in page["aliases"]]
    assert page["xrefs"]
    assert "medical advice" in page["disclaimer"]
    assert {milia.get(link).status_code for link in page["links"].values()} == {200}


def test_the_page_has_both_sides_of_how_common_milia_is(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    [conflict] = [
        each
        for each in page["conflicts"]
        if each["question"] == "prevalence.frequency" and each["rule"] == "values"
    ]
    assert conflict["severity"]["effective"] == "contradiction"
    values = {
        claim["concept"]["key"]
        for claim in claims_of(page)
        if claim["question"] == "prevalence.frequency" and claim["conflict"]
    }
    assert {"rare", "common"} <= values


def test_every_conflict_on_the_page_speaks_of_claims_on_the_page(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    shown = set(ids_of(claims_of(page)))
    for conflict in page["conflicts"]:
        assert {claim for side in conflict["sides"] for claim in side["claims"]} <= shown


def test_the_flagged_conflicts_come_first(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    flags = [conflict["conflict"] for conflict in page["conflicts"]]
    assert flags == sorted(flags, reverse=True)


def test_every_citation_lies_in_its_passage(milia: TestClient) -> None:
    page = milia.get("/conditions/milia").json()

    passages = {each["id"]: each for document in page["documents"] for each in document["passages"]}
    citations = [each for claim in claims_of(page) for each in claim["citations"]]
    assert citations
    for citation in citations:
        passage = passages[citation["passage"]["id"]]
        assert passage["start"] <= citation["start"] < citation["end"] <= passage["end"]
        assert len(citation["quote"]) == citation["end"] - citation["start"]


@pytest.mark.parametrize(
    "spelling",
    [
        "milia-syndrome",
        "Milia",
        "MILIA",
        "Milia%20Syndrome",
        "milia_syndrome",
        "%20milia%20",
        "\uff4dilia",
    ],
)
def test_an_alias_or_another_spelling_leads_to_the_slug(milia: TestClient, spelling: str) -> None:
    answer = milia.get(f"/conditions/{spelling}")

    assert answer.status_code == 308
    assert answer.headers["location"] == "/conditions/milia"


def test_a_redirect_keeps_the_query() -> None:
    app = create_app(Settings(database_url="sqlite://"))
    scope = {"type": "http", "app": app, "path": "/x", "query_string": b"a=1&b=%20", "headers": []}

    answer = redirect(Request(scope), "/conditions/milia")

    assert answer.headers["location"] == "/conditions/milia?a=1&b=%20"


@pytest.mark.parametrize("slug", ["millia", "mila", "milia-syndrom", "Milliä"])
def test_a_misspelt_condition_is_not_found_and_the_right_one_suggested(
    milia: TestClient,
    slug: str,
) -> None:
    answer = milia.get(f"/conditions/{slug}")

    assert answer.status_code == 404
    assert answer.json()["suggestions"] == ["milia"]
    assert "Did you mean 'milia'?" in answer.json()["detail"]


def test_a_word_that_is_near_nothing_gets_no_suggestion(milia: TestClient) -> None:
    answer = milia.get("/conditions/xyzzy")

    assert answer.status_code == 404
    assert answer.json()["suggestions"] == []


def test_a_condition_of_an_empty_base_is_not_found(client: TestClient) -> None:
    assert client.get("/conditions/milia").status_code == 404


UNPUBLISHED = [each for each in ClaimStatus if each is not ClaimStatus.published]


@pytest.mark.parametrize("status", UNPUBLISHED)
def test_the_page_is_the_same_whatever_is_not_published(
    milia: TestClient,
    milia_sessions: Sessions,
    status: ClaimStatus,
) -> None:
    before = milia.get("/conditions/milia").json()
    with milia_sessions.write.begin() as session:
        make_claim(session, status=status, passages=["p1", "p2"])

    after = milia.get("/conditions/milia").json()

    assert after == before


def test_a_published_claim_is_on_the_page_and_among_the_sides(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    before = milia.get("/conditions/milia").json()["counts"]
    with milia_sessions.write.begin() as session:
        claim = make_claim(session, question="cause.origin")
        name = claim_id(claim)

    page = milia.get("/conditions/milia").json()

    assert name in ids_of(claims_of(page))
    assert page["counts"]["claims"] == before["claims"] + 1
    assert page["counts"]["citations"] == before["citations"] + 1
    sides = [side for each in page["conflicts"] for side in each["sides"]]
    assert any(name in side["claims"] for side in sides)


def test_a_retracted_claim_leaves_the_page_as_it_was(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    before = milia.get("/conditions/milia").json()["counts"]
    with milia_sessions.write.begin() as session:
        claim = make_claim(session, question="cause.origin")
        set_status(session, claim, ClaimStatus.retracted)
        name = claim_id(claim)

    page = milia.get("/conditions/milia")

    assert page.json()["counts"] == before
    assert f'"{name}"' not in page.text
