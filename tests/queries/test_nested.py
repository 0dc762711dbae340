"""Nested queries against an evaluation of the API's own records; their bounds."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schemas.claim_queries import MAX_DEPTH, MAX_NODES
from tests.api.operations import ids_of
from tests.generators import Base, make_plan, served
from tests.queries.oracle import World, filters, fits_node, nodes, read_world


class Served(NamedTuple):
    base: Base
    world: World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("nested"), make_plan(5, claims=60)) as base:
        yield Served(base, read_world(base.client))


def search(base: Base, body: dict[str, Any]) -> dict[str, Any]:
    answer = base.client.post("/claims/search", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_nested_query_gives_exactly_the_claims_that_fit(
    made: Served,
    data: st.DataObject,
) -> None:
    node, narrower = data.draw(nodes(made.world)), data.draw(st.booleans())

    found = search(made.base, {"filter": node, "limit": 100, "concept_narrower": narrower})

    fitting = [
        claim
        for claim in made.world.claims
        if fits_node(made.world, claim, node, narrower=narrower)
    ]
    assert ids_of(found["data"]) == ids_of(fitting)
    assert found["meta"]["total"] == len(fitting)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_body_of_one_level_equals_the_list(made: Served, data: st.DataObject) -> None:
    asked = data.draw(filters(made.world))
    others: dict[str, Any] = {"limit": 7, "sort": "-passage_count", "facet": ["type", "document"]}

    by_query = made.base.client.get("/claims", params={**asked, **others}).json()
    by_body = search(made.base, {"filter": asked, **others})

    for part in ("data", "facets", "included"):
        assert by_body[part] == by_query[part]
    assert by_body["meta"]["total"] == by_query["meta"]["total"]


def test_no_filter_and_an_empty_one_give_everything(made: Served) -> None:
    every = ids_of(made.world.claims)

    assert ids_of(search(made.base, {"limit": 100})["data"]) == every
    assert ids_of(search(made.base, {"limit": 100, "filter": {}})["data"]) == every


def test_not_of_everything_is_nothing(made: Served) -> None:
    found = search(made.base, {"filter": {"not": {}}})

    assert found["data"] == []
    assert found["meta"]["total"] == 0


@pytest.mark.parametrize(
    "node",
    [{"any": []}, {"all": []}, {"type": []}, {"type__not": []}, {"not": {"concept": []}}],
)
def test_an_empty_list_is_refused_rather_than_ignored(made: Served, node: dict[str, Any]) -> None:
    answer = made.base.client.post("/claims/search", json={"filter": node})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "too_short"


def nested(levels: int, way: str) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "cause"}
    for _ in range(levels - 1):
        node = {way: node if way == "not" else [node]}
    return node


@pytest.mark.parametrize("way", ["all", "any", "not"])
def test_the_depth_is_bounded(made: Served, way: str) -> None:
    assert search(made.base, {"filter": nested(MAX_DEPTH, way)})

    for levels in (MAX_DEPTH + 1, MAX_DEPTH + 2, 25):
        answer = made.base.client.post("/claims/search", json={"filter": nested(levels, way)})
        assert answer.status_code == 422
        assert f"{MAX_DEPTH} levels" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("levels", [70, 900, 20_000])
@pytest.mark.parametrize("way", ["all", "not"])
def test_a_bottomless_query_is_refused_without_harm(made: Served, way: str, levels: int) -> None:
    opening, closing = ('{"not":', "}") if way == "not" else ('{"all":[', "]}")
    body = f'{{"filter": {opening * levels}{{}}{closing * levels}}}'

    answer = made.base.client.post(
        "/claims/search",
        content=body,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_number_of_nodes_is_bounded(made: Served) -> None:
    most = {"any": [{"any": [{"type": "cause"}] * (MAX_NODES - 3)}, {}]}
    assert search(made.base, {"filter": most})
    too_many: list[dict[str, Any]] = [
        {"any": [{"any": [{"type": "cause"}] * (MAX_NODES - 2)}, {}]},
        {"all": [{}] * MAX_NODES},
        {"any": [{"any": [{"any": [{}] * 7}] * 7}] * 7},
    ]
    for node in too_many:
        answer = made.base.client.post("/claims/search", json={"filter": node})

        assert answer.status_code == 422, node


@pytest.mark.parametrize(
    ("filter_", "pointer"),
    [
        ({"tipe": "cause"}, "/filter/tipe"),
        ({"any": [{}, {"not": {"caus": 1}}]}, "/filter/any/1/not/caus"),
        ({"type": "caus"}, "/filter/type/0"),
        ({"passage_count": True}, "/filter/passage_count/0"),
        ({"created_at__gte": 2026}, "/filter/created_at__gte"),
        ({"limit": 5}, "/filter/limit"),
    ],
)
def test_a_wrong_place_in_a_body_is_named(
    made: Served,
    filter_: dict[str, Any],
    pointer: str,
) -> None:
    answer = made.base.client.post("/claims/search", json={"filter": filter_})

    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


def test_a_cursor_of_a_body_walks_on_and_has_no_address(made: Served) -> None:
    body: dict[str, Any] = {"filter": {"any": [{"conflict": True}, {"type": "symptom"}]}}
    every = ids_of(search(made.base, {**body, "limit": 100})["data"])
    assert len(every) > 4

    found, cursor = [], None
    while True:
        page = search(made.base, {**body, "limit": 3, **({"cursor": cursor} if cursor else {})})
        found += ids_of(page["data"])
        cursor = page["page"]["next_cursor"]
        assert page["page"]["next"] is None
        if cursor is None:
            break

    assert found == every


def test_a_cursor_of_a_body_is_bound_to_its_query(made: Served) -> None:
    cursor = search(made.base, {"limit": 1, "filter": {"conflict": True}})["page"]["next_cursor"]

    for body in (
        {"filter": {"conflict": False}},
        {},
        {"filter": {"conflict": True}, "sort": "-id"},
    ):
        answer = made.base.client.post("/claims/search", json={**body, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


def test_sources_are_left_out_of_a_nested_query_too(made: Served) -> None:
    body = {"exclude_document": ["leaflet"], "filter": {"condition": "milia", "conflict": True}}
    by_query = made.base.client.get(
        "/claims?condition=milia&conflict=true&exclude_document=leaflet&limit=100",
    )

    found = search(made.base, {**body, "limit": 100})

    assert found["data"] == by_query.json()["data"]
