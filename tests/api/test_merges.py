"""Two records of one document, two concepts for one thing: merged without losing anything."""

import hashlib
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import body_of, drafted, published
from tests.api.operations import walk
from tests.api.sources import DIGEST, Desk, Record, desk_at, done, leaflet, seed_with_digest, sent
from tests.commands.seeds import FIRST, TEXT, cite, claim, claim_in, concept, concept_in


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


__all__ = ["published"]


# Concepts


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
