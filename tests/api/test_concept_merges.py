"""Two concepts for one thing are merged: claims, words and hierarchy are of the one that stays."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import body_of, drafted, published
from tests.api.operations import walk
from tests.api.sources import Desk, Record, desk_at, done, seed_with_digest, sent
from tests.commands.seeds import cite, claim, claim_in, concept, concept_in


def seed_with_twins() -> Record:
    """Gene and its twin; both are said to be where milia comes from."""
    seed = seed_with_digest()
    twin = {"key": "heredity", "label": "Heredity", "kind": "special", "synonyms": ["genes"]}
    seed["concepts"].append(twin | {"xrefs": [{"id": "HGNC:1"}]})
    seed["claims"].append(claim("cause.origin", "heredity", cite("Milia is rare")))
    return seed


@pytest.fixture
def twins(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions, seed_with_twins())


def joined(desk: Desk, source: str, into: str, query: str = "") -> Any:
    return sent(desk.curator, "POST", desk.concept(source), f"/merge{query}", into=into)


def test_claims_that_say_the_same_thereby_become_one(twins: Desk) -> None:
    first, second = twins.claim("gene"), twins.claim("heredity")

    done(joined(twins, "heredity", "gene"))

    claim = twins.claim("gene")
    assert claim["id"] == first["id"]
    assert claim["version"] == first["version"] + 1
    assert [one["quote"] for one in claim["citations"]] == ["It comes from a gene", "Milia is rare"]
    gone = twins.public.get(f"/claims/{second['id']}", follow_redirects=False)
    assert gone.headers["location"] == f"/claims/{first['id']}"
    assert twins.faults() == []


def test_the_claim_of_the_lower_id_stays_also_if_it_used_the_source(twins: Desk) -> None:
    first = twins.claim("gene")

    done(joined(twins, "gene", "heredity"))

    claim = twins.claim("heredity")
    assert claim["id"] == first["id"]
    assert len(claim["citations"]) == 2
    assert claim["concept"] == {"key": "heredity", "label": "Heredity"}
    assert twins.faults() == []


def test_a_published_claim_stays_before_an_older_draft(twins: Desk) -> None:
    cited = [{"passage": "leaflet/p1", "locator": "line 1"}]
    draft = drafted(
        twins.contributor,
        body_of(
            question="symptom.reported",
            words=None,
            concept="heredity",
            statement="People report heredity.",
            citations=cited,
        ),
    )
    public = published(
        twins.curator,
        body_of(
            question="symptom.reported",
            words=None,
            concept="gene",
            statement="People report a gene.",
            citations=cited,
        ),
    )

    done(joined(twins, "heredity", "gene"))

    claims = walk(twins.public, "/claims?question=symptom.reported&concept=gene")
    assert [claim["id"] for claim in claims] == [public["id"]]
    assert draft["id"] < public["id"]
    assert twins.faults() == []


def test_words_and_ids_of_the_source_lead_to_the_target(twins: Desk) -> None:
    target = done(joined(twins, "heredity", "gene"))

    assert target["key"] == "gene"
    assert target["synonyms"] == ["Heredity", "genes"]
    assert target["xrefs"] == [{"id": "HGNC:1", "fit": "exact"}]
    expected = [twins.claim("gene")["id"]]
    for name in ("heredity", "genes", "HGNC:1"):
        rows = walk(twins.public, f"/claims?concept={name}")
        assert [row["id"] for row in rows] == expected
    assert [row["id"] for row in walk(twins.public, "/claims?q=heredity")] == expected


def test_the_key_of_a_merged_concept_leads_on(twins: Desk) -> None:
    source = twins.concept("heredity")
    done(joined(twins, "heredity", "gene"))

    answer = twins.public.get("/concepts/heredity", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (308, "/concepts/gene")
    refused = sent(twins.curator, "PATCH", source | {"version": 2}, label="Anything")
    assert refused.status_code == 409


def test_a_conflict_between_two_names_of_one_thing_is_gone(twins: Desk) -> None:
    before = twins.public.get("/conflicts?condition=milia").json()["data"]
    [origin] = [one for one in before if one["question"] == "cause.origin"]
    assert len(origin["sides"]) == 3

    done(joined(twins, "heredity", "gene"))

    after = twins.public.get("/conflicts?condition=milia").json()["data"]
    [origin] = [one for one in after if one["question"] == "cause.origin"]
    assert len(origin["sides"]) == 2


def test_subjects_and_scopes_move_too(client: TestClient, sessions: Sessions) -> None:
    seed = seed_with_twins()
    claim_in(seed, "pain")["subject"] = "heredity"
    claim_in(seed, "rare")["scope"] = {"population": "heredity"}
    desk = desk_at(client, sessions, seed)
    before = desk.claim("pain")

    done(joined(desk, "heredity", "gene"))

    assert desk.claim("pain")["subject"]["key"] == "gene"
    assert desk.claim("pain")["version"] == before["version"] + 1
    assert desk.claim("rare")["scope"]["population"]["key"] == "gene"
    assert desk.faults() == []


def test_four_claims_become_one_with_one_new_version(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_twins()
    places = iter(["Milia is rare", "It may hurt", "Milia is common", "blocked glands"])
    for value in ("gene", "heredity"):
        for subject in ("gene", "heredity"):
            made = claim("treatment.effect", value, cite(next(places)), subject=subject)
            seed["claims"].append(made | {"key": f"effect/{value}/{subject}"})
    desk = desk_at(client, sessions, seed)

    done(joined(desk, "heredity", "gene"))

    [left] = walk(desk.public, "/claims?question=treatment.effect")
    assert left["version"] == 2
    assert len(left["citations"]) == 4
    assert desk.faults() == []


def test_what_was_narrower_is_narrower_than_the_target(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_twins()
    concept_in(seed, "heredity")["broader"] = ["gland"]
    seed["concepts"].append(concept("mutation", broader=["heredity"]))
    seed["claims"].append(claim("cause.origin", "mutation", cite("It may hurt")))
    desk = desk_at(client, sessions, seed)
    version = desk.concept("mutation")["version"]

    done(joined(desk, "heredity", "gene"))

    narrower = desk.concept("mutation")
    assert [one["key"] for one in narrower["broader"]] == ["gene"]
    assert narrower["version"] == version + 1
    assert [one["key"] for one in desk.concept("gene")["broader"]] == ["gland"]
    assert desk.flagged() == {"rare", "common"}
    assert desk.faults() == []


def test_a_target_that_was_narrower_keeps_no_place_below_itself(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_twins()
    concept_in(seed, "gene")["broader"] = ["heredity"]
    desk = desk_at(client, sessions, seed)

    done(joined(desk, "heredity", "gene"))

    assert desk.concept("gene")["broader"] == []
    assert desk.faults() == []


def test_a_merge_that_would_make_a_circle_is_refused(
    client: TestClient, sessions: Sessions
) -> None:
    seed = seed_with_twins()
    concept_in(seed, "gene")["broader"] = ["mutation"]
    seed["concepts"].append(concept("mutation", broader=["heredity"]))
    desk = desk_at(client, sessions, seed)
    before = desk.concept("heredity")

    answer = joined(desk, "heredity", "gene")

    assert answer.status_code == 409
    assert desk.concept("heredity") == before
    assert desk.faults() == []


def test_what_the_vocabulary_names_is_not_merged_away(twins: Desk) -> None:
    answer = joined(twins, "unknown", "gene")

    assert answer.status_code == 409
    assert done(joined(twins, "gene", "unknown"))["key"] == "unknown"


@pytest.mark.parametrize("into", ["heredity", "nothing-known"])
def test_a_concept_is_not_merged_into_itself_or_nothing(twins: Desk, into: str) -> None:
    answer = joined(twins, "heredity", into)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/into"


def test_a_merged_concept_is_no_target(twins: Desk) -> None:
    done(joined(twins, "heredity", "gene"))

    assert joined(twins, "gland", "heredity").status_code == 422


def test_a_dry_run_of_joining_concepts_changes_nothing(twins: Desk) -> None:
    before = twins.claim("heredity")

    answer = done(joined(twins, "heredity", "gene", "?dry_run=true"))

    assert answer["conflicts"]["changed"]
    assert twins.claim("heredity") == before
