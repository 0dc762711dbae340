"""Leaving sources out gives what a base without their citations would give."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.operations import walk
from tests.generators import PASSAGES, Base, make_plan, served, serving
from tests.queries.oracle import name_of_passage

Record = dict[str, Any]
FACETS = ["severity", "conflict", "conflict_kind", "passage_count", "document_count", "passage"]
SLUG = "milia"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("exclusions")) as base:
        yield base


class Seen:
    """What the API says of a condition, by keys: ids are other ones in another base."""

    def __init__(self, client: TestClient, left_out: str = "") -> None:
        asked = f"condition={SLUG}&limit=100{left_out}"
        facets = "".join(f"&facet={name}" for name in FACETS)
        listed = client.get(f"/claims?{asked}{facets}")
        assert listed.status_code == 200, listed.text
        rows = listed.json()["data"]
        conflicts = walk(client, f"/conflicts?{asked}")
        self.page = client.get(f"/conditions/{SLUG}?{left_out[1:]}").json()
        keys = {row["id"]: row["key"] for row in rows}
        named = {
            citation["passage"]["id"]: name_of_passage(citation)
            for row in rows
            for citation in row["citations"]
        }
        keys |= {row["id"]: row["key"] for row in conflicts}
        documents = {
            c["document"]["id"]: c["document"]["key"] for r in rows for c in r["citations"]
        }
        self._names = keys | named | documents
        self.total = listed.json()["meta"]["total"]
        self.claims = {row["key"]: self.plain_claim(row) for row in rows}
        self.conflicts = {row["key"]: self.plain_conflict(row) for row in conflicts}
        self.conflict_ids = {row["key"]: row["id"] for row in conflicts}
        self.flagged = {row["key"] for row in conflicts if row["conflict"]}
        self.facets = {
            name: Counter({row["value"]: row["count"] for row in facet["values"]})
            for name, facet in listed.json()["facets"].items()
        }
        self.included = {row["id"] for row in listed.json()["included"]["conflicts"]}
        self.counts = self.page["counts"]

    def plain_claim(self, row: Record) -> Record:
        computed = ("conflict", "severity", "passage_count", "document_count")
        return {name: row[name] for name in computed} | {
            "citations": [
                (name_of_passage(c), c["start"], c["certainty"]) for c in row["citations"]
            ],
            "conflicts": sorted(
                (self._names[ref["id"]], ref["kind"], ref["severity"]) for ref in row["conflicts"]
            ),
        }

    def plain_conflict(self, row: Record) -> Record:
        said = ("rule", "kind", "question", "severity", "conflict", "explanation", "clashes")
        return {name: row[name] for name in said} | {
            "sides": [
                {
                    **side,
                    "claims": self.named(side["claims"]),
                    "passages": self.named(side["passages"]),
                    "documents": self.named(side["documents"]),
                }
                for side in row["sides"]
            ],
            "compatible": self.named(row["compatible"]),
            "pivotal": self.named(row["pivotal"]),
            "scope_explained": [self.named(pair) for pair in row["scope_explained"]],
        }

    def named(self, ids: list[str]) -> list[str]:
        return [self._names[id_] for id_ in ids]


def same(one: Seen, other: Seen) -> None:
    assert one.claims == other.claims
    assert one.conflicts == other.conflicts
    assert one.facets == other.facets
    assert one.total == other.total
    assert one.counts == other.counts
    for seen in (one, other):
        assert seen.included == set(seen.conflict_ids.values())


@settings(max_examples=12, deadline=None)
@given(number=st.integers(0, 10_000), data=st.data())
def test_leaving_passages_out_equals_a_base_without_their_citations(
    empty: Base,
    number: int,
    data: st.DataObject,
) -> None:
    plan = make_plan(number, claims=26)
    left_out = data.draw(st.sets(st.sampled_from(PASSAGES), min_size=1, max_size=5))
    with serving(empty, plan) as client:
        names = "".join(f"&exclude_passage={name}" for name in sorted(left_out))
        seen = Seen(client, names)

    with serving(empty, plan.without(left_out)) as client:
        same(seen, Seen(client))


@settings(max_examples=6, deadline=None)
@given(
    number=st.integers(0, 10_000),
    left_out=st.sets(st.sampled_from(["leaflet", "blog", "journal", "old"]), min_size=1),
)
def test_leaving_documents_out_equals_a_base_without_their_citations(
    empty: Base,
    number: int,
    left_out: set[str],
) -> None:
    plan = make_plan(number, claims=26)
    with serving(empty, plan) as client:
        seen = Seen(client, "".join(f"&exclude_document={name}" for name in sorted(left_out)))

    without = [name for name in PASSAGES if name.partition("/")[0] in left_out]
    with serving(empty, plan.without(without)) as client:
        same(seen, Seen(client))


@settings(max_examples=5, deadline=None)
@given(number=st.integers(0, 10_000))
def test_pivotal_passages_and_no_others_unflag_their_conflict(empty: Base, number: int) -> None:
    with serving(empty, make_plan(number, claims=26)) as client:
        every = Seen(client)
        for passage in PASSAGES:
            left = Seen(client, f"&exclude_passage={passage}")
            for key, conflict in every.conflicts.items():
                held = key in (left.flagged if conflict["conflict"] else left.conflicts)
                assert held is (passage not in conflict["pivotal"]), (passage, key)


def test_claims_left_without_citations_are_nowhere(empty: Base) -> None:
    plan = make_plan(4, claims=40)
    with serving(empty, plan) as client:
        asked = "condition=milia&exclude_document=leaflet"
        rows = walk(client, "/claims?condition=milia&limit=100")
        gone = {
            row["id"]
            for row in rows
            if {c["document"]["key"] for c in row["citations"]} == {"leaflet"}
        }
        left = {row["id"] for row in rows} - gone
        page = client.get("/conditions/milia?exclude_document=leaflet")
        matrix = client.get("/conditions/milia/matrix?exclude_document=leaflet")
        agreement = client.get("/conditions/milia/agreement?exclude_document=leaflet")
        conflicts = client.get(f"/conflicts?{asked}&limit=100")
        claims = walk(client, f"/claims?{asked}&limit=100")
        groups = client.get(f"/claims?{asked}&group_by=condition").json()

    assert gone
    assert {row["id"] for row in claims} == left
    assert groups["data"] == [{"key": {"condition": "milia"}, "count": len(left)}]
    assert page.json()["counts"]["claims"] == len(left)
    for answer in (page, matrix, agreement, conflicts):
        assert answer.status_code == 200
        assert not [id_ for id_ in gone if f'"{id_}"' in answer.text]
        assert '"key":"leaflet"' not in answer.text


def test_only_the_condition_asked_for_is_there_and_others_are_as_before(empty: Base) -> None:
    with serving(empty, make_plan(4, claims=40)) as client:
        before = client.get("/claims?condition=acne&limit=100").json()["data"]
        asked = client.get("/claims?condition=milia&exclude_document=leaflet&limit=100").json()
        after = client.get("/claims?condition=acne&limit=100").json()["data"]

    assert {row["condition"]["slug"] for row in asked["data"]} == {"milia"}
    assert after == before


def test_filters_are_of_what_is_left(empty: Base) -> None:
    with serving(empty, make_plan(4, claims=40)) as client:
        asked = "condition=milia&exclude_document=leaflet&limit=100"
        rows = walk(client, f"/claims?{asked}")
        for query, kept in [
            ("conflict=true", [row for row in rows if row["conflict"]]),
            ("severity__not=none", [row for row in rows if row["severity"] != "none"]),
            ("conflict_kind__missing=true", [row for row in rows if not row["conflicts"]]),
            ("passage_count__gte=2", [row for row in rows if row["passage_count"] >= 2]),
            ("document_count=1", [row for row in rows if row["document_count"] == 1]),
            ("document=leaflet", []),
            ("sort=-severity&severity=disagreement", None),
        ]:
            found = walk(client, f"/claims?{asked}&{query}")
            if kept is not None:
                assert [row["id"] for row in found] == [row["id"] for row in kept], query
            assert all(row in rows for row in found)


@pytest.mark.parametrize("sort", ["-severity", "passage_count", "-document_count"])
def test_a_walk_with_sources_left_out_is_sorted_by_what_is_left(empty: Base, sort: str) -> None:
    ranks = {"none": 0, "tension": 1, "disagreement": 2, "contradiction": 3}
    name = sort.removeprefix("-")
    with serving(empty, make_plan(4, claims=40)) as client:
        asked = f"condition=milia&exclude_document=leaflet&sort={sort}"
        rows = walk(client, f"/claims?{asked}&limit=3")
        every = walk(client, "/claims?condition=milia&exclude_document=leaflet&limit=100")

    keys = [ranks.get(row[name], row[name]) for row in rows]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    assert sorted(row["id"] for row in rows) == sorted(row["id"] for row in every)


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("exclude_document=leaflets", "leaflet"),
        ("exclude_passage=leaflet/p9", "leaflet/p"),
        ("exclude_document=DOC999999", None),
        ("exclude_passage=PSG999999", None),
        ("exclude_passage=leaflet", None),
    ],
)
@pytest.mark.parametrize(
    "path",
    [
        "/claims?condition=milia&",
        "/conflicts?condition=milia&",
        "/conditions/milia?",
        "/conditions/milia/matrix?",
        "/conditions/milia/agreement?",
    ],
)
def test_an_unknown_source_is_refused(
    empty: Base,
    path: str,
    query: str,
    hint: str | None,
) -> None:
    with serving(empty, make_plan(1)) as client:
        answer = client.get(f"{path}{query}")

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == query.partition("=")[0]
    assert hint is None or f"Did you mean '{hint}" in error["detail"]


@pytest.mark.parametrize("conditions", ["", "condition=milia&condition=acne&"])
@pytest.mark.parametrize("path", ["/claims", "/conflicts"])
def test_lists_need_exactly_one_condition_to_leave_sources_out(
    empty: Base,
    path: str,
    conditions: str,
) -> None:
    with serving(empty, make_plan(1)) as client:
        answer = client.get(f"{path}?{conditions}exclude_document=blog")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "condition"


@pytest.mark.parametrize("filter_", [{}, {"condition": ["milia", "acne"]}, {"type": "cause"}])
def test_a_body_needs_exactly_one_condition_too(empty: Base, filter_: Record) -> None:
    with serving(empty, make_plan(1)) as client:
        answer = client.post(
            "/claims/search",
            json={"exclude_document": ["blog"], "filter": filter_},
        )

    assert answer.status_code == 422


def test_leaving_everything_out_leaves_nothing(empty: Base) -> None:
    every = "&".join(f"exclude_passage={name}" for name in PASSAGES)
    with serving(empty, make_plan(1)) as client:
        page = client.get(f"/conditions/milia?{every}").json()
        rows = client.get(f"/claims?condition=milia&{every}&facet=conflict_kind").json()
        groups = client.get(f"/claims?condition=milia&{every}&group_by=severity").json()

    assert page["counts"]["claims"] == page["counts"]["conflicts"] == 0
    assert (rows["data"], rows["meta"]["total"]) == ([], 0)
    assert rows["facets"]["conflict_kind"]["values"] == []
    assert groups["data"] == []


@pytest.mark.parametrize("names", ["condition=milia", "condition=milia-syndrome"])
def test_one_condition_may_be_named_twice(empty: Base, names: str) -> None:
    with serving(empty, make_plan(1)) as client:
        once = client.get("/claims?condition=milia&exclude_document=blog").json()

        twice = client.get(f"/claims?condition=milia&{names}&exclude_document=blog")

    assert twice.status_code == 200
    assert twice.json()["data"] == once["data"]
