"""Groups by one field and by two, against a count of the API's own records."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from app.models import Claim, Condition
from app.schemas.claim_fields import FACETS
from tests.generators import Base, make_plan, served
from tests.queries.oracle import World, comparable, filters, fits, read_world, values_of
from tests.queries.test_facets import word_claim

Key = tuple[Any, ...]


class Served(NamedTuple):
    base: Base
    world: World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("groups"), make_plan(5, claims=60)) as base:
        yield Served(base, read_world(base.client))


def expected(world: World, asked: dict[str, Any], names: list[str]) -> Counter[Key]:
    """A claim counts once under each of its values, or under none of them."""
    found: Counter[Key] = Counter()
    for claim in world.claims:
        if fits(world, claim, asked):
            own = [values_of(world, claim, name) or {None} for name in names]
            found.update({folded(names, key) for key in product(*own)})
    return found


def folded(names: list[str], key: Key) -> Key:
    return tuple(comparable(name, value) for name, value in zip(names, key, strict=True))


def as_counter(names: list[str], groups: list[dict[str, Any]]) -> Counter[Key]:
    found = {folded(names, tuple(group["key"].values())): group["count"] for group in groups}
    assert len(found) == len(groups)  # no group stands twice
    return Counter(found)


@pytest.mark.parametrize("field", FACETS)
def test_groups_by_a_field_are_complete(made: Served, field: str) -> None:
    answer = made.base.client.get("/claims", params={"group_by": field}).json()

    assert as_counter([field], answer["data"]) == expected(made.world, {}, [field])
    assert answer["meta"]["group_by"] == [field]
    assert answer["meta"]["groups"] == len(answer["data"])
    assert answer["meta"]["total"] == len(made.world.claims)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_groups_by_two_fields_are_complete_under_any_filters(
    made: Served,
    data: st.DataObject,
) -> None:
    names = data.draw(st.lists(st.sampled_from(FACETS), min_size=2, max_size=2, unique=True))
    asked = data.draw(filters(made.world, most=2))

    answer = made.base.client.get("/claims", params={**asked, "group_by": ",".join(names)})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert as_counter(names, body["data"]) == expected(made.world, asked, names)
    assert all(list(group["key"]) == names for group in body["data"])
    fitting = [claim for claim in made.world.claims if fits(made.world, claim, asked)]
    assert body["meta"]["total"] == len(fitting)
    numbers = [group["count"] for group in body["data"]]
    assert numbers == sorted(numbers, reverse=True)


def test_the_groups_of_a_field_with_one_value_add_up_to_the_total(made: Served) -> None:
    answer = made.base.client.get("/claims?group_by=type,severity").json()

    assert sum(group["count"] for group in answer["data"]) == answer["meta"]["total"]


def test_a_claim_of_several_sources_counts_once_under_each_and_once_in_the_total(
    made: Served,
) -> None:
    answer = made.base.client.get("/claims?group_by=document").json()

    assert sum(group["count"] for group in answer["data"]) > answer["meta"]["total"]
    assert answer["meta"]["total"] == len(made.world.claims)


def test_groups_by_a_body_are_those_of_the_query(made: Served) -> None:
    by_query = made.base.client.get("/claims?group_by=type,severity&polarity=affirms").json()

    by_body = made.base.client.post(
        "/claims/search",
        json={"group_by": ["type", "severity"], "filter": {"polarity": ["affirms"]}},
    ).json()

    assert by_body["data"] == by_query["data"]
    assert by_body["meta"]["total"] == by_query["meta"]["total"]


def test_groups_with_sources_left_out_count_what_is_left(made: Served) -> None:
    left_out = "condition=milia&exclude_document=leaflet"
    world = read_world(made.base.client, f"/claims?limit=100&{left_out}")

    for names in (["conflict_kind", "severity"], ["passage_count", "conflict"], ["passage"]):
        answer = made.base.client.get(f"/claims?{left_out}&group_by={','.join(names)}").json()

        assert as_counter(names, answer["data"]) == expected(world, {}, names)
        assert answer["meta"]["total"] == len(world.claims)


@pytest.mark.parametrize(
    ("group_by", "hint"),
    [
        ("tipe", "did you mean 'type'"),
        ("type,serverity", "did you mean 'severity'"),
        ("type,type", "two different ones"),
        ("type,severity,conflict", "two different ones"),
        ("type,", "only fields"),
        ("", "only fields"),
        (" type", "did you mean 'type'"),
        ("statement", "only fields"),
    ],
)
def test_what_cannot_be_grouped_by_is_refused(made: Served, group_by: str, hint: str) -> None:
    answer = made.base.client.get("/claims", params={"group_by": group_by})

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == "group_by"
    assert hint in error["detail"]


@pytest.mark.parametrize("group_by", [["tipe"], ["type", "type"], ["type", "value", "conflict"]])
def test_what_cannot_be_grouped_by_is_refused_in_a_body_too(
    made: Served,
    group_by: list[str],
) -> None:
    answer = made.base.client.post("/claims/search", json={"group_by": group_by})

    assert answer.status_code == 422


def test_more_than_ten_thousand_groups_are_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with served(tmp_path_factory.mktemp("groups"), make_plan(1)) as base:
        few = len(base.client.get("/claims?group_by=value").json()["data"])
        with base.sessions.write.begin() as session:
            condition = session.scalars(select(Condition.id).where(Condition.slug == "milia")).one()
            rows = [word_claim(condition, number) for number in range(10_000 - few)]
            session.execute(insert(Claim), rows)
        complete = base.client.get("/claims?group_by=value").json()
        with base.sessions.write.begin() as session:
            session.execute(insert(Claim), [word_claim(condition, 20_000)])

        answer = base.client.get("/claims?group_by=value")

    assert complete["meta"]["groups"] == len(complete["data"]) == 10_000
    assert answer.status_code == 422
    assert "10,000" in answer.json()["detail"]
