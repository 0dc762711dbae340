"""Creating and changing concepts, and what that does to the claims that use them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON
from tests.api.operations import ids_of, walk
from tests.api.sources import Desk, Record, desk_at, done, sent
from tests.commands.seeds import claim_in, concept_in, small_seed


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions)


def body(key: str = "steam", **parts: Any) -> Record:
    return {"key": key, "label": "Hot steam", "kind": "procedure", "reason": REASON} | parts


def found(desk: Desk, words: str) -> list[str]:
    return ids_of(walk(desk.public, f"/claims?q={words}"))


def test_a_new_concept_has_an_address_and_a_tag(desk: Desk) -> None:
    parts: Record = {
        "synonyms": ["Steam bath"],
        "broader": ["gland"],
        "xrefs": [{"id": "msh:D000001"}],
    }

    answer = desk.contributor.post("/concepts", json=body(**parts))

    concept = done(answer, 201)
    assert answer.headers["location"] == "/concepts/steam"
    assert answer.headers["etag"].startswith(f'"{concept["id"]}.1-')
    assert concept["broader"] == [{"key": "gland", "label": "Gland"}]
    assert concept["xrefs"] == [{"id": "MESH:D000001", "fit": "exact"}]
    assert desk.concept("steam") == concept | {"as_of": None}
    assert [row["key"] for row in desk.concept("gland")["narrower"]] == ["steam"]
    assert desk.faults() == []


def test_the_key_of_another_concept_is_refused_and_that_one_named(desk: Desk) -> None:
    answer = desk.contributor.post("/concepts", json=body("gene"))

    assert answer.status_code == 409
    assert answer.json()["existing"] == desk.concept("gene")["id"]
    assert answer.json()["links"]["existing"] == "/concepts/gene"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"key": "Steam"}, "/key"),
        ({"label": " "}, "/label"),
        ({"kind": "k" * 41}, "/kind"),
        ({"xrefs": [{"id": f"entrez:{'1' * 70}"}]}, "/xrefs/0/id"),
        ({"synonyms": ["one", "one"]}, "/synonyms/1"),
        ({"broader": ["nothing-known"]}, "/broader/0"),
        ({"broader": ["gene", "gene"]}, "/broader/1"),
        ({"broader": ["steam"]}, "/broader/0"),
        ({"xrefs": [{"id": "no curie"}]}, "/xrefs/0/id"),
        ({"xrefs": [{"id": "HP:1"}, {"id": "hpo:1"}]}, "/xrefs/1/id"),
        ({"merged_into": "gene"}, "/merged_into"),
    ],
)
def test_what_is_wrong_with_a_concept_is_named(desk: Desk, wrong: Record, pointer: str) -> None:
    answer = desk.contributor.post("/concepts", json=body(**wrong))

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_contributor_creates_concepts_and_does_not_change_them(desk: Desk) -> None:
    answer = sent(desk.contributor, "PATCH", desk.concept("gene"), label="Anything")

    assert answer.status_code == 403


@pytest.mark.parametrize("changes", [{"label": "Heredity"}, {"synonyms": ["heredity"]}])
def test_claims_are_found_by_the_new_words_of_their_concept(desk: Desk, changes: Record) -> None:
    claim = desk.claim("gene")
    assert found(desk, "heredity") == []

    done(sent(desk.curator, "PATCH", desk.concept("gene"), **changes))

    assert found(desk, "heredity") == [claim["id"]]
    assert desk.claim("gene")["version"] == claim["version"]
    assert desk.faults() == []


def test_the_explanations_of_conflicts_use_the_new_label(desk: Desk) -> None:
    done(sent(desk.curator, "PATCH", desk.concept("gene"), label="A defect of a gene"))

    conflicts = desk.public.get("/conflicts?condition=milia").json()["data"]
    [about_it] = [one for one in conflicts if one["question"] == "cause.origin"]
    assert "A defect of a gene" in about_it["explanation"]
    assert desk.faults() == []


def test_a_broader_concept_ends_the_conflict_with_it_and_its_end_brings_it_back(
    desk: Desk,
) -> None:
    concept = done(sent(desk.curator, "PATCH", desk.concept("gene"), broader=["gland"]))
    assert desk.flagged() == {"rare", "common"}
    assert desk.faults() == []

    done(sent(desk.curator, "PATCH", concept, broader=[]))

    assert desk.flagged() == {"gene", "gland", "rare", "common"}
    assert desk.faults() == []


def test_conditions_that_use_only_something_narrower_are_computed_anew(
    client: TestClient, sessions: Sessions
) -> None:
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = ["defect"]
    seed["concepts"].append({"key": "defect", "label": "Defect", "kind": "special"})
    desk = desk_at(client, sessions, seed)

    done(sent(desk.curator, "PATCH", desk.concept("defect"), broader=["gland"]))

    assert desk.flagged() == {"rare", "common"}
    assert desk.faults() == []


def test_a_scope_counts_as_use(client: TestClient, sessions: Sessions) -> None:
    seed = small_seed()
    seed["concepts"] += [
        {"key": key, "label": key, "kind": "severity"} for key in ("mild", "severe", "grave")
    ]
    claim_in(seed, "rare")["scope"] = {"severity": "mild"}
    claim_in(seed, "common")["scope"] = {"severity": "grave"}
    desk = desk_at(client, sessions, seed)
    before = desk.claim("rare")["severity"]

    done(sent(desk.curator, "PATCH", desk.concept("grave"), broader=["severe"]))

    assert before != "none"
    assert desk.claim("rare")["severity"] == "none"
    assert desk.faults() == []


def test_a_concept_cannot_be_broader_than_itself(desk: Desk) -> None:
    done(sent(desk.curator, "PATCH", desk.concept("gene"), broader=["gland"]))
    done(sent(desk.curator, "PATCH", desk.concept("gland"), broader=["pain"]))

    answer = sent(desk.curator, "PATCH", desk.concept("pain"), broader=["rare", "gene"])

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/broader/1"
    assert desk.concept("pain")["broader"] == []


def test_a_key_never_changes(desk: Desk) -> None:
    answer = sent(desk.curator, "PATCH", desk.concept("gene"), key="other")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/key"
    assert answer.json()["errors"][0]["code"] == "immutable"


def test_of_two_edits_from_one_version_the_second_is_refused(desk: Desk) -> None:
    concept = desk.concept("gene")
    done(sent(desk.curator, "PATCH", concept, description="What is inherited."))

    answer = sent(desk.curator, "PATCH", concept, description="Something else.")

    assert answer.status_code == 412
    assert answer.json()["differing"] == ["description"]


def test_a_patch_changes_what_it_names_and_nothing_else(desk: Desk) -> None:
    before = desk.concept("gene")

    after = done(sent(desk.curator, "PATCH", before, xrefs=[{"id": "HGNC:1", "fit": "close"}]))

    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"xrefs", "version", "updated_at"}
    assert desk.faults() == []


def test_a_dry_run_tells_which_conflicts_would_close(desk: Desk) -> None:
    concept = desk.concept("gene")
    address = "/concepts/gene?dry_run=true"

    answer = done(
        desk.curator.patch(
            address,
            json={"broader": ["gland"], "reason": REASON},
            headers={"If-Match": f'"{concept["id"]}.1"'},
        )
    )

    assert len(answer["conflicts"]["closed"]) == 1
    assert desk.concept("gene") == concept


def test_a_concept_that_is_not_there_is_not_found(desk: Desk) -> None:
    missing = {"id": "CPT999999", "version": 1, "key": "genes"}

    answer = sent(desk.curator, "PATCH", missing, label="Anything")

    assert answer.status_code == 404
    assert answer.json()["suggestions"] == ["gene"]
