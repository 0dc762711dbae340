"""``/conditions`` and ``/concepts`` as lists: words, external ids, levels, kinds, counts."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.operations import walk
from tests.generators import CONCEPTS, make_plan, served
from tests.queries.oracle import World, below, read_world


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    plan = make_plan(4, claims=50, conditions=3)
    plan.seed["claims"] = [row for row in plan.seed["claims"] if row["condition"] != "warts"]
    with served(tmp_path_factory.mktemp("lists"), plan) as base:
        yield base.client


@pytest.fixture(scope="module")
def world(client: TestClient) -> World:
    return read_world(client)


def slugs(client: TestClient, query: str) -> list[str]:
    return [row["slug"] for row in walk(client, f"/conditions?{query}")]


def keys(client: TestClient, query: str) -> set[str]:
    return {row["key"] for row in walk(client, f"/concepts?limit=100&{query}")}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["acne", "milia", "warts"]),
        ("q=mil", ["milia"]),
        ("q=MILIA%20SYN", ["milia"]),
        ("q=syndrome", ["milia"]),
        ("q=spot", ["acne"]),
        ("q=ilia", []),
        ("q=%25", []),
        ("q=_", []),
        ("xref=HP:0001056", ["milia"]),
        ("xref=hpo:0001056", ["milia"]),
        ("xref=HP:0001056&xref=MONDO:0011438", ["acne", "milia"]),
        ("xref=HP:9999999", []),
        ("q=mil&xref=MONDO:0011438", []),
        ("conflict=false&q=wart", ["warts"]),
    ],
)
def test_conditions_are_found(client: TestClient, query: str, found: list[str]) -> None:
    assert slugs(client, query) == found


def test_conditions_with_a_flagged_conflict_are_told_from_others(client: TestClient) -> None:
    flagged = {row["condition"]["slug"] for row in walk(client, "/conflicts?conflict=true")}

    assert set(slugs(client, "conflict=true")) == flagged
    assert set(slugs(client, "conflict=false")) == {"acne", "milia", "warts"} - flagged
    assert "warts" not in flagged
    assert flagged


def test_the_counts_of_a_condition_are_those_of_its_lists(
    client: TestClient,
    world: World,
) -> None:
    claims = Counter(row["condition"]["slug"] for row in world.claims)
    conflicts = Counter(
        row["condition"]["slug"] for row in walk(client, "/conflicts?conflict=true&limit=100")
    )

    for slug, row in world.conditions.items():
        assert (row["claims"], row["conflicts"]) == (claims[slug], conflicts[slug])
        page = client.get(f"/conditions/{slug}").json()["counts"]
        assert (page["claims"], page["conflicts"]) == (claims[slug], conflicts[slug])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=deep%20mut", {"deep-mutation"}),
        ("q=MUTATION", {"mutation", "deep-mutation"}),
        ("q=%C3%89lan", {"elan"}),
        ("q=%C3%A9LAN", {"elan"}),
        ("q=factor", {"gene", "deep-mutation", "gland"}),
        ("q=tation", set()),
        ("kind=symptom", {"pain"}),
        ("kind=symptom&kind=nothing", {"pain"}),
        ("xref=HGNC:1", {"gene"}),
        ("xref=mesh:D013472&xref=HGNC:2", {"sun", "mutation"}),
        ("broader=gene", {"mutation", "deep-mutation"}),
        ("broader=Hereditary%20factor", {"mutation", "deep-mutation"}),
        ("broader=gene&broader=mutation", {"mutation", "deep-mutation"}),
        ("broader=treatment&broader=people", {"laser", "children", "adults"}),
        ("broader=face", set()),
        ("broader=gene&q=deep", {"deep-mutation"}),
    ],
)
def test_concepts_are_found(client: TestClient, query: str, found: set[str]) -> None:
    assert keys(client, query) == found


def test_what_is_below_a_concept_is_all_that_is_narrower(
    client: TestClient,
    world: World,
) -> None:
    for key, *_ in CONCEPTS:
        assert keys(client, f"broader={key}") == below(world, {key})


def test_concepts_count_the_public_claims_that_use_them(
    client: TestClient,
    world: World,
) -> None:
    values = Counter(row["concept"]["key"] for row in world.claims if row["concept"])
    subjects = Counter(row["subject"]["key"] for row in world.claims if row["subject"])

    for key, row in world.concepts.items():
        one = client.get(f"/concepts/{key}").json()
        for record in (row, one):
            used = record["claims_as_value"], record["claims_as_subject"]
            assert used == (values[key], subjects[key])


def test_the_links_of_a_concept_lead_to_its_claims(client: TestClient, world: World) -> None:
    links = client.get("/concepts/laser").json()["links"]

    rows = walk(client, f"{links['claims_as_subject']}&limit=100")

    wanted = [row for row in world.claims if row["subject"] and row["subject"]["key"] == "laser"]
    assert [row["id"] for row in rows] == [row["id"] for row in wanted]


@pytest.mark.parametrize(
    ("path", "parameter", "hint"),
    [
        ("/concepts?broader=mutatoin", "broader", "Did you mean 'mutation'?"),
        ("/concepts?knd=symptom", "knd", "Did you mean 'kind'?"),
        ("/concepts?xref=nothing", "xref", ""),
        ("/concepts?xref=", "xref", ""),
        ("/concepts?kind=", "kind", ""),
        ("/concepts?broader=", "broader", ""),
        ("/concepts?q=%00", "q", ""),
        ("/concepts?broader=%00", "broader", ""),
        (f"/concepts?q={'a' * 201}", "q", ""),
        ("/conditions?conflict=maybe", "conflict", ""),
        ("/conditions?conflict=", "conflict", ""),
        ("/conditions?xref=", "xref", ""),
        ("/conditions?xref=HP", "xref", ""),
        ("/conditions?xrf=HP:1", "xrf", "Did you mean 'xref'?"),
        ("/conditions?q=%00", "q", ""),
        (f"/conditions?q={'a' * 201}", "q", ""),
        ("/conditions?" + "&".join(["xref=HP:1"] * 51), "xref", ""),
        ("/conditions?q=a&q=b", "q", ""),
    ],
)
def test_what_cannot_be_asked_is_refused(
    client: TestClient,
    path: str,
    parameter: str,
    hint: str,
) -> None:
    answer = client.get(path)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert hint in error["detail"]


@pytest.mark.parametrize("address", ["/concepts/%00", "/conditions/%00"])
def test_a_name_with_nul_is_not_found(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("path", ["/conditions", "/concepts"])
def test_what_was_applied_is_told(client: TestClient, path: str) -> None:
    answer: dict[str, Any] = client.get(f"{path}?q=mil&xref=hpo:1&limit=1").json()

    assert answer["meta"]["applied"] == {"q": "mil", "xref": ["HP:1"]}
