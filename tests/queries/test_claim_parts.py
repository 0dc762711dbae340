"""A list that names parts says of them what whole claims say, wherever the parts are read from."""

import random
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.queries.claim_parts import own_parts
from app.schemas.claim_queries import CLAIM_FIELDS, SORTS

OWN = [name for name in CLAIM_FIELDS if own_parts([name])]
LISTS = [
    *(f"sort={sort}" for name in SORTS for sort in (name, f"-{name}")),
    "type=cause&conflict=true",
    "conflict=false&polarity=denies",
    "concept=inherited-cause&limit=7",
    "value=skin",
    "q=milia",
    "q=milia&type=cause&sort=-created_at",
    "condition=milia&q=gl*&exclude_passage=milia-syndrome/p1",
    "q=foundnowhere",
    "condition=milia&exclude_passage=milia-syndrome/p1&conflict=true",
    "as_of=1&condition=milia&conflict=true",
    "as_of=1&condition=milia&type=diagnosis&sort=-severity",
]


def read(client: TestClient, address: str) -> dict[str, Any]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_parts_that_are_columns_stand_in_the_order_of_the_record() -> None:
    assert own_parts(OWN[::-1]) == tuple(OWN)
    assert own_parts(["statement"]) == ("id", "statement")
    assert {"id", "statement", "severity", "created_at", "merged"} <= set(OWN)
    assert own_parts([]) is None
    assert own_parts([*OWN, "citations"]) is None


@pytest.mark.parametrize("query", LISTS)
def test_parts_are_those_of_the_whole_claim(milia: TestClient, query: str) -> None:
    chance = random.Random(query)
    whole = read(milia, f"/claims?{query}")
    assert bool(whole["data"]) is ("foundnowhere" not in query)
    assert whole["included"]["conflicts"] or "conflict=true" not in query
    some = [chance.sample(OWN, k=chance.randint(1, len(OWN))) for _ in range(3)]
    some.append([*some[0], "citations"])  # read from the record

    for fields in some:
        named = "".join(f"&fields={name}" for name in fields)
        parts = read(milia, f"/claims?{query}{named}")

        wanted = [name for name in CLAIM_FIELDS if name in {"id", *fields}]
        rows = [list(row.items()) for row in parts["data"]]
        assert rows == [[(name, row[name]) for name in wanted] for row in whole["data"]]
        for part in ("meta", "included", "facets"):
            assert parts[part] == whole[part]
        assert parts["page"]["next_cursor"] == whole["page"]["next_cursor"]


@pytest.mark.parametrize("query", LISTS)
def test_conflicts_can_be_left_out(milia: TestClient, query: str) -> None:
    whole = read(milia, f"/claims?{query}")

    for fields in ("", "&fields=statement", "&fields=conflicts"):
        named = read(milia, f"/claims?{query}{fields}")
        without = read(milia, f"/claims?{query}{fields}&include=none")

        assert without["included"] is None
        for part in ("data", "meta", "facets"):
            assert without[part] == named[part]
    following = read(milia, f"/claims?{query}&include=none")["page"]["next"]
    if following is not None:  # and the cursor is good for both
        assert "include=none" in following
        rest, again = read(milia, following), read(milia, following.replace("&include=none", ""))
        assert rest["included"] is None
        assert again["included"] is not None
        assert again["data"] == rest["data"]
    assert read(milia, f"/claims?{query}&include=conflicts")["included"] == whole["included"]


def test_a_search_by_body_leaves_conflicts_out_as_well(milia: TestClient) -> None:
    asked = {"filter": {"type": ["cause"], "conflict": True}, "fields": ["statement"]}

    every = milia.post("/claims/search", json=asked).json()
    without = milia.post("/claims/search", json=asked | {"include": "none"}).json()

    assert every["included"]["conflicts"]
    assert without["included"] is None
    assert without["data"] == every["data"]


@pytest.mark.parametrize(
    ("query", "unread"),
    [
        ("fields=statement&fields=severity", ["written_claims"]),
        ("fields=statement&include=none", ["written_claims", "conflict_claims", "conflicts"]),
        ("q=milia&fields=statement&include=none", ["written_claims", "conflict_claims"]),
        ("include=none", ["conflicts.explanation"]),
    ],
)
def test_what_is_not_asked_for_is_not_read(
    milia: TestClient, statements: list[str], query: str, unread: list[str]
) -> None:
    milia.get("/claims?type=cause&limit=5")
    read_as_a_rule = " ".join(statements)
    statements.clear()

    milia.get(f"/claims?type=cause&limit=5&{query}")

    assert statements
    for table in unread:
        assert table in read_as_a_rule
        assert not any(table in statement for statement in statements)
