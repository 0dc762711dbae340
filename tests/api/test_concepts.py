"""``/concepts`` and one concept."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.vocabulary import ClaimStatus
from tests.api.operations import walk
from tests.factories import make_claim, make_concept


def test_the_list_is_in_the_order_of_keys(milia: TestClient) -> None:
    keys = [row["key"] for row in walk(milia, "/concepts?limit=100")]

    assert keys == sorted(set(keys))


def test_a_filter_by_kind_gives_exactly_the_concepts_of_that_kind(milia: TestClient) -> None:
    every = walk(milia, "/concepts?limit=100")
    kind = milia.get("/concepts/col17a1-mutation").json()["kind"]

    found = walk(milia, f"/concepts?kind={kind}")

    assert [row["key"] for row in found] == [row["key"] for row in every if row["kind"] == kind]


def test_two_kinds_are_either_of_them(milia: TestClient) -> None:
    every = walk(milia, "/concepts?limit=100")
    one, other, *_ = sorted({row["kind"] for row in every})

    found = walk(milia, f"/concepts?limit=100&kind={one}&kind={other}")

    assert len(found) == sum(row["kind"] in {one, other} for row in every)


def test_broader_and_narrower_are_two_ends_of_one_relation(milia: TestClient) -> None:
    pairs = [
        (row["key"], broader["key"])
        for row in walk(milia, "/concepts?limit=100")
        for broader in row["broader"]
    ]

    assert pairs
    for narrower, broader in pairs:
        concept = milia.get(f"/concepts/{broader}").json()
        assert narrower in [each["key"] for each in concept["narrower"]]


@pytest.mark.parametrize("role", ["claims_as_value", "claims_as_subject"])
def test_a_concept_counts_its_claims_and_links_to_them(milia: TestClient, role: str) -> None:
    claims = walk(milia, "/claims?limit=100")
    part = "concept" if role == "claims_as_value" else "subject"
    key = next(claim[part]["key"] for claim in claims if claim[part])

    concept = milia.get(f"/concepts/{key}").json()

    assert concept[role] == sum(claim[part] == {"key": key, "label": concept["label"]}
                                for claim in claims)  # fmt: skip
    assert concept[role] <= len(walk(milia, concept["links"][role]))


def test_drafts_do_not_count(milia: TestClient, milia_sessions: Sessions) -> None:
    with milia_sessions.write.begin() as session:
        concept = make_concept(session)
        make_claim(session, concept=concept, status=ClaimStatus.draft)
        make_claim(session, subject=concept, status=ClaimStatus.in_review)
        key = concept.key

    body = milia.get(f"/concepts/{key}").json()

    assert (body["claims_as_value"], body["claims_as_subject"]) == (0, 0)


def test_a_misspelt_concept_is_not_found_and_the_right_one_suggested(milia: TestClient) -> None:
    answer = milia.get("/concepts/col17a1-mutatoin")

    assert answer.status_code == 404
    assert answer.json()["suggestions"][0] == "col17a1-mutation"


@pytest.mark.parametrize("key", ["COL17A1-MUTATION", "CPT1", "nothing", "%20"])
def test_a_key_is_taken_as_it_is_written(milia: TestClient, key: str) -> None:
    assert milia.get(f"/concepts/{key}").status_code == 404


def test_a_kind_that_no_concept_has_gives_an_empty_list(milia: TestClient) -> None:
    assert walk(milia, "/concepts?kind=no-such-kind") == []


def test_a_concept_has_its_synonyms_and_external_ids(milia: TestClient) -> None:
    concept = milia.get("/concepts/col17a1-mutation").json()

    assert concept["xrefs"]
    assert all(":" in xref["id"] for xref in concept["xrefs"])
    assert concept["version"] == 1
