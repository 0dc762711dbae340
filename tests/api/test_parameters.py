"""Query parameters are read as FastAPI reads them, only sooner."""

import random
from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from fastapi import Depends, FastAPI, Query
from fastapi.testclient import TestClient

from app.parameters import QueryOf
from app.schemas.claim_queries import ClaimFilters

READER = QueryOf(ClaimFilters)
VALUES = (
    "milia",
    "",
    " ",
    "cause",
    "true",
    "False",
    "1",
    "-1",
    "1.5",
    "9" * 40,
    "2026-11-22",
    "2026-11-22T18:00:00Z",
    "2026-13-01",
    "conflict",
    "none",
    "relevance",
    "-created_at",
    "type,severity",
    "a\x00b",
    "é",
    "x" * 3_000,
    "csv",
)
STRANGE = ("nothing", "Type", "type[]", "limit ")


@pytest.fixture(scope="module")
def both() -> TestClient:
    app = FastAPI()

    def theirs(query: Annotated[ClaimFilters, Query()]) -> dict[str, Any]:
        return query.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def ours(query: Annotated[ClaimFilters, Depends(READER)]) -> dict[str, Any]:
        return query.model_dump(mode="json", exclude_unset=True, by_alias=True)

    app.get("/theirs")(theirs)
    app.get("/ours")(ours)
    return TestClient(app)


def strings() -> list[str]:
    chance = random.Random(20_261_123)
    names = [one["name"] for one in READER.documented["parameters"]]
    alone = [urlencode([(name, value)]) for name in names for value in chance.sample(VALUES, 6)]
    together = [
        urlencode(
            [
                (chance.choice(names if chance.random() < 0.95 else STRANGE), chance.choice(VALUES))
                for _ in range(chance.randint(2, 6))
            ],
        )
        for _ in range(300)
    ]
    twice = [urlencode([(name, "cause"), (name, "milia")]) for name in (*names, *STRANGE)]
    return ["", "&&", "=", "type", "type=cause&type", *alone, *together, *twice]


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what was sent, which is never repeated in answers."""
    for fault in answer.get("detail", []):
        del fault["input"]
    return answer


def test_all_parameters_are_read_and_refused_as_fastapi_does(both: TestClient) -> None:
    statuses = set()
    for query in strings():
        theirs, ours = (both.get(f"/{whose}?{query}") for whose in ("theirs", "ours"))
        statuses.add(theirs.status_code)

        assert ours.status_code == theirs.status_code, query
        assert told(ours.json()) == told(theirs.json()), query
    assert statuses == {200, 422}
