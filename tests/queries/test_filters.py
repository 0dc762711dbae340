"""Every filter against an evaluation of the API's own records, one claim at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db import make_engine, make_sessions
from app.schemas.claim_fields import SPEC_BY_NAME
from tests.api.operations import ids_of, walk
from tests.apps import make_app
from tests.generators import Base, make_plan, served
from tests.queries.oracle import (
    MANY_VALUED,
    PARAMETERS,
    Asked,
    World,
    below,
    filters,
    fits,
    read_world,
    values_for,
    values_of,
)


class Served(NamedTuple):
    base: Base
    world: World


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("filters"), make_plan(4, claims=60)) as base:
        yield Served(base, read_world(base.client))


def found(client: TestClient, asked: Asked) -> list[str]:
    answer = client.get("/claims", params={"limit": 100, **asked})
    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["total"] == len(answer.json()["data"])
    return ids_of(answer.json()["data"])


def expected(world: World, asked: Asked) -> list[str]:
    return ids_of([claim for claim in world.claims if fits(world, claim, asked)])


def test_the_base_has_something_of_everything(made: Served) -> None:
    """Otherwise the tests below would compare nothing with nothing."""
    have: dict[str, set[Any]] = {
        name: set().union(*(values_of(made.world, claim, name) for claim in made.world.claims))
        for name in SPEC_BY_NAME
    }

    assert min(len(values) for values in have.values()) >= 1
    assert have["severity"] >= {"none", "disagreement", "contradiction"}
    assert max(len(claim["citations"]) for claim in made.world.claims) > 2


@pytest.mark.parametrize("parameter", PARAMETERS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_each_filter_alone_gives_what_it_says(
    made: Served,
    parameter: str,
    data: st.DataObject,
) -> None:
    asked = {parameter: data.draw(values_for(made.world, parameter))}

    assert found(made.base.client, asked) == expected(made.world, asked)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_filters_together_give_what_they_say(made: Served, data: st.DataObject) -> None:
    asked = data.draw(filters(made.world)) | data.draw(
        st.sampled_from([{}, {"concept_narrower": False}]),
    )

    assert found(made.base.client, asked) == expected(made.world, asked)


def test_a_concept_brings_what_is_narrower_and_its_absence_leaves_that_out(made: Served) -> None:
    narrower = below(made.world, {"gene"})
    with_narrower = {"gene", *narrower}

    keys = {
        claim["concept"] and claim["concept"]["key"]
        for claim in walk(made.base.client, "/claims?limit=100&concept=gene")
    }
    left = {
        claim["concept"] and claim["concept"]["key"]
        for claim in walk(made.base.client, "/claims?limit=100&concept__not=gene")
    }

    assert narrower == {"mutation", "deep-mutation"}
    assert keys <= with_narrower
    assert keys & narrower
    assert not left & with_narrower
    assert None in left


def test_only_the_concept_itself_where_narrower_ones_are_not_wanted(made: Served) -> None:
    asked = "/claims?limit=100&concept=mutation&concept_narrower=false"

    keys = {claim["concept"]["key"] for claim in walk(made.base.client, asked)}

    assert keys == {"mutation"}


@pytest.mark.parametrize("field", ["subject", "scope_population"])
def test_subject_and_scope_never_bring_what_is_narrower(made: Served, field: str) -> None:
    broad = {"subject": "treatment", "scope_population": "people"}[field]

    rows = walk(made.base.client, f"/claims?limit=100&{field}={broad}")

    assert rows
    assert set().union(*(values_of(made.world, row, field) for row in rows)) == {broad}


def test_a_word_that_two_concepts_go_by_finds_both(made: Served) -> None:
    asked = "/claims?limit=100&concept=Factor%20X&concept_narrower=false"

    keys = {claim["concept"]["key"] for claim in walk(made.base.client, asked)}

    assert keys == {"deep-mutation", "gland"}


@pytest.mark.parametrize("written", ["Élan of its own", "ÉLAN OF ITS OWN", "élan of its own"])
def test_a_value_with_accents_is_found_whatever_its_case(made: Served, written: str) -> None:
    every = [row for row in made.world.claims if row["words"] == "Élan of its own"]

    rows = found(made.base.client, {"value": written})

    assert every
    assert rows == ids_of(every)


@pytest.mark.parametrize("written", ["Élan vital", "ÉLAN VITAL", "élan", "elan"])
def test_a_concept_with_accents_is_found_whatever_its_case(made: Served, written: str) -> None:
    answer = made.base.client.get("/claims", params={"concept": written, "limit": 100})

    assert answer.status_code == 200
    assert {row["concept"]["key"] for row in answer.json()["data"]} == {"elan"}


@pytest.mark.parametrize("field", sorted(MANY_VALUED))
def test_not_means_that_none_of_the_values_is_among_them(made: Served, field: str) -> None:
    several = [row for row in made.world.claims if len(values_of(made.world, row, field)) > 1]
    if not several:
        pytest.skip("no claim has several")
    value = min(values_of(made.world, several[0], field))

    left = found(made.base.client, {f"{field}__not": value})

    assert several[0]["id"] not in left


def test_a_day_as_an_upper_bound_is_meant_whole(made: Served) -> None:
    latest = max(made.world.claims, key=lambda claim: claim["created_at"])

    by_day = found(made.base.client, {"created_at__lte": latest["created_at"][:10]})
    by_midnight = found(
        made.base.client,
        {"created_at__lte": f"{latest['created_at'][:10]}T00:00:00Z"},
    )

    assert latest["id"] in by_day
    assert latest["id"] not in by_midnight


def test_a_time_is_compared_in_its_own_offset(made: Served) -> None:
    claim = made.world.claims[0]
    moment = datetime.fromisoformat(claim["created_at"])
    early = moment.replace(tzinfo=UTC).isoformat().replace("+00:00", "+00:01")

    same = found(made.base.client, {"created_at__gte": moment.isoformat()})
    before = found(made.base.client, {"created_at__lte": early})

    assert claim["id"] in same
    assert claim["id"] not in before


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_days_are_of_utc_wherever_the_server_thinks_it_is(made: Served, zone: str) -> None:
    if made.base.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no time zone")

    url = made.base.engine.url.update_query_dict({"options": f"-c timezone={zone}"})
    engine = make_engine(url.render_as_string(hide_password=False))
    app = make_app(make_sessions(engine))
    with TestClient(app) as client:
        facet = client.get("/claims?facet=created_at&limit=1").json()["facets"]
    engine.dispose()

    days = {value["value"] for value in facet["created_at"]["values"]}
    assert days == {claim["created_at"][:10] for claim in made.world.claims}


@pytest.mark.parametrize("bound", ["created_at", "created_at__gte", "created_at__lte"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_ends_of_the_calendar_are_days_like_others(
    made: Served,
    bound: str,
    day: str,
) -> None:
    asked = {bound: day}

    assert found(made.base.client, asked) == expected(made.world, asked)


@pytest.mark.parametrize(
    "moment",
    ["2026", "0", "1e3", "2026-11", "2026-11-22T10:00:00", "0001-01-01T00:00:00+10:00", "9" * 30],
)
def test_what_is_neither_a_day_nor_a_time_with_offset_is_refused(
    made: Served,
    moment: str,
) -> None:
    answer = made.base.client.get("/claims", params={"created_at__gte": moment})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "created_at__gte"
