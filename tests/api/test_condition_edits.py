"""Creating and changing conditions, whose names each lead to one of them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, body_of, drafted
from tests.api.sources import Desk, Record, desk_at, done, sent


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions)


def body(slug: str = "acne", **parts: Any) -> Record:
    return {"slug": slug, "name": "Acne", "reason": REASON} | parts


def record(desk: Desk, slug: str = "milia") -> Record:
    [row] = [row for row in desk.read("/conditions")["data"] if row["slug"] == slug]
    return dict(row)


def test_a_new_condition_has_an_address_and_can_be_claimed_about(desk: Desk) -> None:
    aliases = [{"slug": "spots", "name": "Spots"}]

    answer = desk.curator.post("/conditions", json=body(aliases=aliases))

    condition = done(answer, 201)
    assert answer.headers["location"] == "/conditions/acne"
    assert answer.headers["etag"].startswith(f'"{condition["id"]}.1-')
    cited = [{"passage": "leaflet/p1", "locator": "line 1"}]
    drafted(desk.contributor, body_of(condition="acne", citations=cited))
    redirect = desk.public.get("/conditions/spots", follow_redirects=False)
    assert (redirect.status_code, redirect.headers["location"]) == (308, "/conditions/acne")
    assert desk.faults() == []


@pytest.mark.parametrize(
    "names",
    [
        {"slug": "milia"},
        {"slug": "milia-syndrome"},
        {"aliases": [{"slug": "milia", "name": "Milia"}]},
        {"aliases": [{"slug": "milia-syndrome", "name": "Milia syndrome"}]},
    ],
)
def test_a_name_of_another_condition_is_refused_and_that_one_named(
    desk: Desk, names: Record
) -> None:
    answer = desk.curator.post("/conditions", json=body(**names))

    assert answer.status_code == 409
    assert answer.json()["existing"] == record(desk)["id"]
    assert desk.public.get("/conditions").json()["meta"]["total"] == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"slug": "Acne vulgaris"}, "/slug"),
        ({"aliases": [{"slug": "acne", "name": "Acne"}]}, "/aliases/0/slug"),
        ({"aliases": [{"slug": "a", "name": "A"}, {"slug": "a", "name": "B"}]}, "/aliases/1/slug"),
        ({"xrefs": [{"id": "HP:1"}, {"id": "HP:1"}]}, "/xrefs/1/id"),
        ({"description": ""}, "/description"),
        ({"key": "acne"}, "/key"),
    ],
)
def test_what_is_wrong_with_a_condition_is_named(desk: Desk, wrong: Record, pointer: str) -> None:
    answer = desk.curator.post("/conditions", json=body() | wrong)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_patch_changes_what_it_names_and_nothing_else(desk: Desk) -> None:
    before = record(desk)

    after = done(sent(desk.curator, "PATCH", before, description="Small white bumps."))

    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"description", "version", "updated_at"}
    assert after["version"] == before["version"] + 1
    assert desk.faults() == []


def test_aliases_are_replaced_as_a_list(desk: Desk) -> None:
    aliases = [{"slug": "milk-spots", "name": "Milk spots"}]

    after = done(sent(desk.curator, "PATCH", record(desk), aliases=aliases))

    assert after["aliases"] == aliases
    leads = desk.public.get("/conditions/milk-spots", follow_redirects=False)
    assert leads.headers["location"] == "/conditions/milia"
    assert desk.public.get("/conditions/milia-syndrome").status_code == 404


def test_an_alias_can_be_renamed_and_kept(desk: Desk) -> None:
    aliases = [{"slug": "milia-syndrome", "name": "The syndrome"}]

    after = done(sent(desk.curator, "PATCH", record(desk), aliases=aliases))

    assert after["aliases"] == aliases
    assert desk.faults() == []


def test_the_alias_of_another_condition_is_refused(desk: Desk) -> None:
    acne = done(desk.curator.post("/conditions", json=body()), 201)

    answer = sent(
        desk.curator,
        "PATCH",
        record(desk),
        aliases=[{"slug": "acne", "name": "Acne"}],
    )

    assert answer.status_code == 409
    assert answer.json()["existing"] == acne["id"]


def test_a_slug_never_changes(desk: Desk) -> None:
    answer = desk.curator.patch(
        "/conditions/milia",
        json={"slug": "other", "reason": REASON},
        headers={"If-Match": f'"{record(desk)["id"]}.1"'},
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "immutable"


def test_of_two_edits_from_one_version_the_second_is_refused(desk: Desk) -> None:
    condition = record(desk)
    done(sent(desk.curator, "PATCH", condition, name="Milia of the skin"))

    answer = sent(desk.curator, "PATCH", condition, name="Milia")

    assert answer.status_code == 412
    assert answer.json()["differing"] == ["name"]


def test_the_tag_of_the_page_is_good_for_a_change(desk: Desk) -> None:
    tagged = desk.public.get("/conditions/milia").headers["etag"]

    answer = desk.curator.patch(
        "/conditions/milia",
        json={"name": "Milia of the skin", "reason": REASON},
        headers={"If-Match": tagged},
    )

    assert done(answer)["name"] == "Milia of the skin"


def test_a_contributor_cannot_create_conditions(desk: Desk) -> None:
    assert desk.contributor.post("/conditions", json=body()).status_code == 403


def test_a_condition_that_is_not_there_is_not_found(desk: Desk) -> None:
    missing = {"id": "CND999999", "version": 1, "slug": "miliaa"}

    assert sent(desk.curator, "PATCH", missing, name="Anything").status_code == 404
