"""Facets against a count of the API's own records, and each value used as a filter."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from app.models import Claim, Condition
from app.models.base import utc_now
from app.schemas.claim_fields import FACETS, SPEC_BY_NAME, Kind
from app.vocabulary import ClaimStatus, Polarity
from tests.generators import Base, make_plan, served, serving
from tests.queries.oracle import (
    World,
    comparable,
    concepts_called,
    counts,
    filters,
    fits,
    read_world,
)

OPTIONAL = [name for name, spec in SPEC_BY_NAME.items() if spec.optional]


class Served(NamedTuple):
    base: Base
    world: World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("facets"), make_plan(5, claims=60)) as base:
        yield Served(base, read_world(base.client))


def as_counter(field: str, facet: dict[str, Any]) -> Counter[Any]:
    pairs = [(comparable(field, value["value"]), value["count"]) for value in facet["values"]]
    assert len(dict(pairs)) == len(pairs)  # no value stands twice
    return Counter(dict(pairs))


def total(base: Base, asked: dict[str, Any]) -> int:
    answer = base.client.get("/claims", params={"limit": 1, **asked})
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["meta"]["total"]
    return number


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_facet_counts_what_fits_without_its_own_filter(
    made: Served,
    data: st.DataObject,
) -> None:
    asked = data.draw(filters(made.world, most=3))
    names = data.draw(st.lists(st.sampled_from(FACETS), min_size=1, max_size=4, unique=True))

    answer = made.base.client.get("/claims", params={"limit": 1, **asked, "facet": names})

    assert answer.status_code == 200, answer.text
    facets = answer.json()["facets"]
    assert list(facets) == names
    for name in names:
        others = {key: value for key, value in asked.items() if key.partition("__")[0] != name}
        left = [claim for claim in made.world.claims if fits(made.world, claim, others)]
        assert as_counter(name, facets[name]) == counts(made.world, left, name)
        assert facets[name]["values_total"] == len(facets[name]["values"])
        assert facets[name]["truncated"] is False


@pytest.mark.parametrize("field", FACETS)
def test_values_come_by_their_count_and_then_in_their_own_order(
    made: Served,
    field: str,
) -> None:
    answer = made.base.client.get("/claims", params={"limit": 1, "facet": field})

    values = answer.json()["facets"][field]["values"]
    ranks = [
        (-row["count"], row["value"] if type(row["value"]) is int else str(row["value"]).lower())
        for row in values
    ]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("field", FACETS)
def test_each_value_used_as_a_filter_gives_as_many_claims(made: Served, field: str) -> None:
    # A concept as a filter takes narrower ones in; its count in the facet is its own.
    narrow = {"concept_narrower": False}
    answer = made.base.client.get("/claims", params={"limit": 1, "facet": field, **narrow})
    values = answer.json()["facets"][field]["values"]
    assert values

    for row in values:
        asked = {f"{field}__missing": True} if row["value"] is None else {field: row["value"]}
        assert total(made.base, asked | narrow) == row["count"], row


def test_without_citations_from_some_publisher_a_claim_still_has_that_of_the_others(
    made: Served,
) -> None:
    """Null is for claims without any, not for one of several documents without."""
    [null] = [
        row["count"]
        for row in made.base.client.get("/claims?facet=publisher&limit=1").json()["facets"][
            "publisher"
        ]["values"]
        if row["value"] is None
    ]

    assert null == total(made.base, {"publisher__missing": True})
    assert null + total(made.base, {"publisher__missing": False}) == len(made.world.claims)


@pytest.mark.parametrize(
    ("field", "names", "selected"),
    [
        ("type", ["cause", "symptom"], {"cause", "symptom"}),
        ("conflict", [True], {True}),
        ("passage_count", [1, 2], {1, 2}),
        ("value", ["RARE"], {"rare"}),
        ("condition", ["milia-syndrome"], {"milia"}),
        ("document", ["DOC1"], {"leaflet"}),
        ("passage", ["PSG1"], {"leaflet/p1"}),
        ("concept", ["SELDOM"], {"rare"}),
        ("concept", ["HGNC:2"], {"mutation"}),
        ("subject", ["LASER"], {"laser"}),
    ],
)
def test_the_values_that_a_filter_names_are_selected(
    made: Served,
    field: str,
    names: list[Any],
    selected: set[Any],
) -> None:
    answer = made.base.client.get("/claims", params={"limit": 1, "facet": field, field: names})

    values = answer.json()["facets"][field]["values"]
    assert {comparable(field, row["value"]) for row in values if row["selected"]} == selected
    if SPEC_BY_NAME[field].kind is Kind.name and "concept" in field:
        assert concepts_called(made.world, names[0]) == selected


def test_a_facet_of_a_nested_query_ignores_its_own_filter_too(made: Served) -> None:
    by_query = made.base.client.get("/claims?facet=type&limit=1&type=cause&polarity=affirms")

    by_body = made.base.client.post(
        "/claims/search",
        json={
            "facet": ["type"],
            "limit": 1,
            "filter": {"type": "cause", "polarity": "affirms"},
        },
    )

    assert by_body.json()["facets"] == by_query.json()["facets"]
    assert len(by_body.json()["facets"]["type"]["values"]) > 1


def test_a_facet_with_sources_left_out_counts_what_is_left(made: Served) -> None:
    left_out = {"condition": "milia", "exclude_document": ["leaflet"]}
    world = read_world(
        made.base.client,
        "/claims?limit=100&condition=milia&exclude_document=leaflet",
    )
    for field in FACETS:
        answer = made.base.client.get("/claims", params={**left_out, "facet": field, "limit": 1})

        facet = answer.json()["facets"][field]
        if field == "condition":
            continue  # its own filter is ignored: the other conditions have no sources left out
        assert as_counter(field, facet) == counts(world, world.claims, field), field


def test_a_facet_of_conditions_stays_within_the_one_whose_sources_are_left_out(
    made: Served,
) -> None:
    asked: dict[str, Any] = {
        "condition": "milia",
        "exclude_document": "blog",
        "facet": "condition",
        "limit": 1,
    }

    answer = made.base.client.get("/claims", params=asked).json()

    values = {row["value"]: row["count"] for row in answer["facets"]["condition"]["values"]}
    assert values == {"milia": answer["meta"]["total"]}


def test_the_hundred_commonest_values_are_shown_and_all_are_counted(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with served(tmp_path_factory.mktemp("many")) as base, serving(base, make_plan(1)) as client:
        with client.app.state.sessions.write.begin() as session:  # type: ignore[attr-defined]  # FastAPI's
            condition = session.scalars(select(Condition.id).where(Condition.slug == "milia")).one()
            session.execute(insert(Claim), [word_claim(condition, n) for n in range(150)])

        facet = client.get("/claims?facet=value&limit=1").json()["facets"]["value"]
        before = client.get("/claims?facet=value&limit=1&type=mechanism").json()["facets"]["value"]

    assert len(facet["values"]) == 100
    assert facet["values_total"] > 150
    assert facet["truncated"] is True
    assert before["truncated"] is True
    numbers = [row["count"] for row in facet["values"]]
    assert numbers == sorted(numbers, reverse=True)


def word_claim(condition_id: int, number: int) -> dict[str, Any]:
    """The columns of a public claim in words of its own, without citations."""
    now = utc_now()
    return {
        "key": f"word/{number}",
        "condition_id": condition_id,
        "question": "mechanism.pathway",
        "type": "mechanism",
        "statement": f"Said in words {number}.",
        "words": f"words {number}",
        "polarity": Polarity.affirms,
        "identity": f"{number:064}",
        "status": ClaimStatus.published,
        "created_at": now,
        "updated_at": now,
    }


@pytest.mark.parametrize("field", OPTIONAL)
def test_null_stands_for_the_claims_without_a_value(made: Served, field: str) -> None:
    answer = made.base.client.get("/claims", params={"limit": 1, "facet": field})

    values = {row["value"]: row["count"] for row in answer.json()["facets"][field]["values"]}
    assert values.get(None, 0) == total(made.base, {f"{field}__missing": True})


def test_more_than_ten_facets_are_refused(made: Served) -> None:
    answer = made.base.client.get("/claims", params={"facet": FACETS[:11]})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "facet"
