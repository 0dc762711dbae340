"""How claims are asked for: walks by cursor, parts of records, refusals of what is mistyped."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.db import make_sessions
from app.models import Claim, Condition
from app.models.base import utc_now
from app.schemas.claim_fields import SPECS, Kind
from app.schemas.claim_queries import CLAIM_FIELDS, SORTS
from app.vocabulary import ClaimStatus
from tests.api.operations import ids_of, walk
from tests.apps import make_app
from tests.generators import Base, make_plan, served, serving
from tests.queries.test_facets import word_claim

DIRECTIONS = [f"{sign}{name}" for name in SORTS for sign in ("", "-")]
SEVERITIES = ["none", "tension", "disagreement", "contradiction"]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("queries")) as base:
        yield base


@pytest.fixture(scope="module")
def milia(milia_engine: Engine) -> Iterator[TestClient]:
    """Nothing here writes to the seeded base: one client does for all tests."""
    with TestClient(make_app(make_sessions(milia_engine))) as client:
        yield client


def rank(row: dict[str, Any], sort: str) -> Any:
    name = sort.removeprefix("-")
    own = row[name]
    if name == "severity":
        own = SEVERITIES.index(own)
    return own if name != "id" else int(own[3:]), int(row["id"][3:])


@pytest.mark.parametrize("sort", DIRECTIONS)
def test_a_list_is_in_the_order_asked_for(empty: Base, sort: str) -> None:
    with serving(empty, make_plan(4, claims=40)) as client:
        rows = walk(client, f"/claims?sort={sort}&limit=7")

    ranks = [rank(row, sort) for row in rows]
    assert ranks == sorted(ranks, reverse=sort.startswith("-"))
    assert len(set(ids_of(rows))) == len(rows) > 14


def disturb(session: Session, what: str, numbers: list[int], place: int) -> set[str]:
    """Add, edit or retract claims; the ids of those that were there before and changed."""
    ids = list(session.scalars(select(Claim.id).order_by(Claim.id)))
    if what == "add":
        condition = session.scalars(select(Condition.id).order_by(Condition.id)).first()
        assert condition is not None
        row = word_claim(condition, 1_000 + place)
        row["created_at"] -= timedelta(days=numbers[0] % 400)
        row["updated_at"] = row["created_at"]
        session.add(Claim(**row, passage_count=numbers[0] % 5))
        return set()
    chosen = {ids[number % len(ids)] for number in numbers}
    changes: dict[str, dict[str, Any]] = {
        "touch": {"updated_at": utc_now() - timedelta(days=numbers[0] % 400)},
        "count": {"passage_count": numbers[0] % 7, "document_count": numbers[0] % 3},
        "retract": {"status": ClaimStatus.retracted},
        "flag": {"severity": SEVERITIES[numbers[0] % 4], "conflict": numbers[0] % 4 > 1},
    }
    session.execute(update(Claim).where(Claim.id.in_(chosen)).values(**changes[what]))
    return {f"CLM{id_}" for id_ in chosen}


@settings(max_examples=15, deadline=None)
@given(
    sort=st.sampled_from(DIRECTIONS),
    limit=st.integers(1, 6),
    query=st.sampled_from(["", "polarity=affirms", "conflict=false", "passage_count__gte=1"]),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["add", "touch", "count", "retract", "flag"]),
            st.lists(st.integers(0, 10_000), min_size=1, max_size=3),
        ),
        max_size=8,
    ),
)
def test_a_walk_returns_each_unchanged_row_once_whatever_happens_to_the_others(
    empty: Base,
    sort: str,
    limit: int,
    query: str,
    steps: list[tuple[str, list[int]]],
) -> None:
    with serving(empty, make_plan(6)) as client:
        sessions = client.app.state.sessions  # type: ignore[attr-defined]  # FastAPI's
        before = ids_of(walk(client, f"/claims?{query}&limit=100"))
        changed: set[str] = set()
        found: list[str] = []
        following: str | None = f"/claims?{query}&sort={sort}&limit={limit}"
        place = 0
        while following:
            answer = client.get(following)
            assert answer.status_code == 200, answer.text
            found += ids_of(answer.json()["data"])
            following = answer.json()["page"]["next"]
            if place < len(steps):
                with sessions.write.begin() as session:
                    changed |= disturb(session, *steps[place], place)
            place += 1

    unchanged = set(before) - changed
    assert sorted(id_ for id_ in found if id_ in unchanged) == sorted(unchanged)


@pytest.mark.parametrize(
    "other",
    [
        "type=cause",
        "sort=-id",
        "conflict=true",
        "condition=milia",
        "polarity=denies&limit=1",
        "concept_narrower=false&polarity=affirms",
        "q=statement&polarity=affirms",
        "polarity=affirms&condition=milia&exclude_document=blog",
    ],
)
def test_a_cursor_is_refused_with_other_filters_or_another_sort(empty: Base, other: str) -> None:
    with serving(empty, make_plan(4)) as client:
        first = client.get("/claims?polarity=affirms&limit=1").json()
        cursor = first["page"]["next_cursor"]
        same = client.get(f"/claims?polarity=affirms&limit=2&facet=type&cursor={cursor}")

        answer = client.get(f"/claims?{other}&cursor={cursor}")

    assert same.status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


@pytest.mark.parametrize("path", ["/conflicts", "/concepts", "/documents", "/conditions"])
def test_a_cursor_is_refused_by_other_lists(empty: Base, path: str) -> None:
    with serving(empty, make_plan(4)) as client:
        cursor = client.get("/claims?limit=1").json()["page"]["next_cursor"]
        own = client.get(f"{path}?limit=1").json()["page"]["next_cursor"]

        answers = [client.get(f"{path}?cursor={cursor}"), client.get(f"/claims?cursor={own}")]

    assert own is not None
    assert {answer.status_code for answer in answers} == {400}


def test_only_the_parts_asked_for_and_always_the_id(milia: TestClient) -> None:
    every = milia.get("/claims?limit=5&conflict=true").json()

    some = milia.get("/claims?limit=5&conflict=true&fields=statement&fields=conflicts").json()

    assert some["data"] == [
        {name: row[name] for name in ("id", "statement", "conflicts")} for row in every["data"]
    ]
    assert some["included"] == every["included"]


@pytest.mark.parametrize("name", ["as_of", "cursor", "filter", "q", "sort"])
@pytest.mark.parametrize("words", ["milia", None])
def test_null_in_a_body_is_as_if_it_were_not_there(
    milia: TestClient, name: str, words: str | None
) -> None:
    asked = {"limit": 3} if words is None else {"limit": 3, "q": words}

    answer = milia.post("/claims/search", json={name: None} | asked)

    assert answer.json() == milia.post("/claims/search", json=asked).json()
    assert answer.status_code == 200


def test_every_part_of_a_claim_can_be_asked_for(milia: TestClient) -> None:
    row = milia.get("/claims?limit=1").json()["data"][0]

    assert set(row) == set(CLAIM_FIELDS)
    for name in CLAIM_FIELDS:
        part = milia.get(f"/claims?limit=1&fields={name}").json()["data"][0]
        assert part == {"id": row["id"], name: row[name]}


def test_the_total_can_be_left_uncounted(milia: TestClient) -> None:
    counted = milia.get("/claims?limit=3&type=cause").json()

    quick = milia.get("/claims?limit=3&type=cause&count=none").json()

    assert (quick["meta"]["total"], quick["meta"]["total_is_exact"]) == (None, False)
    assert counted["meta"]["total_is_exact"] is True
    assert quick["data"] == counted["data"]
    assert quick["page"]["next_cursor"] == counted["page"]["next_cursor"]


def test_what_was_applied_is_told_as_it_was_understood(milia: TestClient) -> None:
    query = (
        "type=cause&conflict=true&passage_count__gte=2&created_at__lte=2999-01-01&sort=-severity"
        "&created_at__gte=2020-01-01T02:00:00%2B02:00&limit=3&facet=type&fields=key"
    )
    answer = milia.get(f"/claims?{query}").json()

    assert answer["meta"]["applied"] == {
        "type": ["cause"],
        "conflict": [True],
        "passage_count__gte": 2,
        "created_at__lte": "2999-01-01",
        "created_at__gte": "2020-01-01T00:00:00Z",
        "sort": "-severity",
    }


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_an_empty_value_is_refused_rather_than_ignored(milia: TestClient, spec: Any) -> None:
    operators = ["", "__not"] if spec.kind is not Kind.flag else [""]
    if spec.kind is Kind.time:
        operators = ["", "__gte", "__lte"]
    for name in [f"{spec.name}{operator}" for operator in operators]:
        answer = milia.get(f"/claims?{name}=")

        assert answer.status_code == 422, name
        assert answer.json()["errors"][0]["parameter"] == name


@pytest.mark.parametrize("name", ["limit", "sort", "facet", "fields", "count", "concept_narrower"])
def test_an_empty_setting_is_refused_rather_than_ignored(milia: TestClient, name: str) -> None:
    answer = milia.get(f"/claims?{name}=")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == name


@pytest.mark.parametrize(
    ("query", "parameter", "hint"),
    [
        ("tipe=cause", "tipe", "type"),
        ("serverity=none", "serverity", "severity"),
        ("type_not=cause", "type_not", "type__not"),
        ("passage_count__gt=3", "passage_count__gt", "passage_count__gte"),
        ("conflict__not=true", "conflict__not", None),
        ("type__missing=true", "type__missing", None),
        ("type=caus", "type", "cause"),
        ("question=cause.orign", "question", "cause.origin"),
        ("severity=contradicton", "severity", "contradiction"),
        ("severity__not=tensoin", "severity__not", "tension"),
        ("polarity=afirms", "polarity", "affirms"),
        ("certainty=suspect", "certainty", "suspected"),
        ("frequency=rarly", "frequency", "rarely"),
        ("exclusivity=sol", "exclusivity", "sole"),
        ("verification=verifed", "verification", "verified"),
        ("conflict_kind=rival_answer", "conflict_kind", "rival_answers"),
        ("condition=millia", "condition", "milia"),
        ("concept=col17a1-mutaton", "concept", "col17a1-mutation"),
        ("concept__not=col17a1-mutaton", "concept", "col17a1-mutation"),
        ("document=milia-syndrom", "document", "milia-syndrome"),
        ("passage=milia-syndrome/q1", "passage", "milia-syndrome/p1"),
        ("sort=-updatd_at", "sort", "-updated_at"),
        ("facet=tipe", "facet", "type"),
        ("fields=statment", "fields", "statement"),
        ("count=non", "count", "none"),
        ("include=conflict", "include", "conflicts"),
        ("group_by=tipe", "group_by", "type"),
        ("conflict=perhaps", "conflict", None),
        ("concept__missing=perhaps", "concept__missing", None),
        ("passage_count=many", "passage_count", None),
        ("passage_count=-1", "passage_count", None),
        ("passage_count=1000001", "passage_count", None),
        ("passage_count=1.5", "passage_count", None),
        ("document_count__lte=1e99", "document_count__lte", None),
        ("created_at=yesterday", "created_at", None),
        ("created_at=2026-02-30", "created_at", None),
        ("created_at__gte=2026", "created_at__gte", None),
        ("updated_at__lte=2026-11-22T10:00:00", "updated_at__lte", None),
        ("family=Two%20Words", "family", None),
        ("limit=0", "limit", None),
        ("limit=101", "limit", None),
        ("limit=1&limit=2", "limit", None),
        ("conflict=true&conflict=false", "conflict", None),
        (f"q={'a' * 501}", "q", None),
        (f"value={'a' * 501}", "value", None),
        (f"concept={'a' * 201}", "concept", None),
        (f"cursor={'a' * 2001}", "cursor", None),
        ("&".join(["type=cause"] * 51), "type", None),
        ("&".join(["type__not=cause"] * 51), "type__not", None),
        ("&".join(["facet=type"] * 11), "facet", None),
        ("&".join(["exclude_passage=p"] * 51), "exclude_passage", None),
        ("value=%00", "value", None),
        ("publisher=%00", "publisher", None),
        ("concept=a%00b", "concept", None),
        ("condition=%00", "condition", None),
        ("document=%00", "document", None),
        ("passage=%00", "passage", None),
        ("exclude_document=%00", "exclude_document", None),
    ],
)
def test_what_is_mistyped_is_refused_by_name(
    milia: TestClient,
    query: str,
    parameter: str,
    hint: str | None,
) -> None:
    answer = milia.get(f"/claims?{query}")

    assert answer.status_code == 422, answer.text
    error = answer.json()["errors"][0]
    assert error["parameter"] == parameter
    if hint is not None:
        assert f"id you mean '{hint}'?" in error["detail"]


def test_several_mistakes_are_named_together(milia: TestClient) -> None:
    answer = milia.get("/claims?type=caus&severity=non&passage_count=x")

    named = [error["parameter"] for error in answer.json()["errors"]]
    assert sorted(named) == ["passage_count", "severity", "type"]


def test_no_mistake_is_echoed(milia: TestClient) -> None:
    answer = milia.get("/claims?type=CANARYVALUE&CANARYNAME!=1&concept=CANARYCONCEPT")

    assert answer.status_code == 422
    assert "CANARY" not in answer.text


@pytest.mark.parametrize(
    "extra",
    ["limit=1", "sort=id", "facet=type", "fields=id", "include=none", "count=none"],
)
def test_groups_refuse_what_belongs_to_pages(milia: TestClient, extra: str) -> None:
    answer = milia.get(f"/claims?group_by=type&{extra}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == extra.partition("=")[0]
