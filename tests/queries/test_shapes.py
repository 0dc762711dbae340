"""What is made for a shape of filters, or for words alone, against the general way."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from app.budgets import time_budget
from app.errors import TooExpensiveError
from app.excerpts import EXCERPT, excerpt
from app.queries.pages import list_fingerprint, write_cursor
from app.queries.prepared import Prepared
from app.schemas.claim_queries import SORTS
from app.search_text import parse_query, stemmed, tokens
from tests.generators import make_plan, served

ENDINGS = (
    "",
    "s",
    "y",
    "ies",
    "ied",
    "ing",
    "ed",
    "bility",
    "biliti",
    "ibly",
    "ational",
    "ization",
    "ically",
    "ogist",
    "fulness",
    "ive",
    "ying",
)
BEGINNINGS = ("d", "l", "t", "sk", "happ", "sens", "a", "prob", "mov", "inher", "gen", "no", "un")
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"conflict": True},
    {"type": ["cause", "symptom"]},
    {"type__not": ["cause"], "severity": ["none"]},
    {"concept__missing": False, "passage_count__gte": 2},
    {"certainty": ["suspected"], "created_at__lte": "2030-01-01"},
    {"question__not": ["cause.origin"], "subject__missing": True, "updated_at__gte": "2020-01-01"},
)
WORD = st.builds("".join, st.tuples(st.sampled_from(BEGINNINGS), st.sampled_from(ENDINGS)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(tmp_path_factory.mktemp("shapes"), make_plan(5, claims=50)) as base:
        yield base.client


def pages(client: TestClient, asked: dict[str, Any], *, nested: bool) -> Iterator[Any]:
    """Every page of a list of six: as parameters, or as a nested query."""
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        if nested:
            shape = {name: asked[name] for name in asked.keys() & {"sort", "q", "facet"}}
            criteria = {name: asked[name] for name in asked.keys() - shape.keys()}
            body = {**shape, "filter": {"all": [criteria]}, "limit": 6, **more}
            answer = client.post("/claims/search", json=body)
        else:
            answer = client.get("/claims", params={**asked, "limit": 6, **more})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        yield found["data"], found["included"], found["meta"]["total"], found["facets"]
        cursor = found["page"]["next_cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("direction", ["", "-"])
def test_a_list_by_parameters_is_that_of_the_nested_query(
    client: TestClient, sort: str, direction: str
) -> None:
    for filters in FILTERS:
        asked = filters | {"sort": direction + sort}

        assert [*pages(client, asked, nested=False)] == [*pages(client, asked, nested=True)]


@pytest.mark.parametrize("words", ["gland", "mutation", '"blocked gland"', "gene*", "a gland", "x"])
def test_words_alone_find_what_they_find_beside_a_query_that_all_fit(
    client: TestClient, words: str
) -> None:
    asked = {"q": words, "facet": ["type", "severity"]}

    alone = [*pages(client, asked, nested=False)]

    assert alone == [*pages(client, asked, nested=True)]


def test_a_page_behind_the_last_claim_is_empty_and_has_the_total(client: TestClient) -> None:
    """As where what stood behind the cursor was withdrawn meanwhile."""
    total = client.get("/claims", params={"q": "gland"}).json()["meta"]["total"]
    behind = write_cursor(list_fingerprint("/claims", {"q": "gland"}), (1, 0, 10**9))

    found = client.get("/claims", params={"q": "gland", "cursor": behind}).json()

    assert found["data"] == []
    assert found["page"]["next_cursor"] is None
    assert found["meta"]["total"] == total > 0


def test_a_read_that_is_broken_off_between_its_rows_is_too_expensive(session: Session) -> None:
    """SQLite begins to answer, and is then read row by row."""
    numbers = select(literal(1).label("number")).cte("numbers", recursive=True)
    following = select(numbers.c.number + 1).where(numbers.c.number < 10**8)
    every = Prepared(select(numbers.union_all(following).c.number))

    with pytest.raises(TooExpensiveError), time_budget(session, 0.05):
        every.all(session)


@settings(deadline=None)
@given(words=st.lists(WORD, max_size=10), wanted=st.lists(WORD, min_size=1, max_size=3))
def test_what_is_marked_are_the_words_of_the_same_stems(
    words: list[str], wanted: list[str]
) -> None:
    text, stems = " - ".join(words), {stemmed(word) for word in wanted}
    expected = [[word.start, word.end] for word in tokens(text) if stemmed(word.word) in stems]

    found = excerpt(parse_query(" ".join(wanted)), text)

    assert len(text) <= EXCERPT  # so that it is shown whole
    assert ([] if found is None else found.marks) == expected


@given(
    text=st.text(alphabet="abBé-_ 1İ", max_size=60),
    words=st.sampled_from(["a", "b*", '"a b"', "ab é", '"b"*', "1", "bb ab*"]),
)
def test_a_text_of_other_letters_is_marked_as_one_of_ascii_letters(text: str, words: str) -> None:
    """A letter that ends as a sign of its own is behind the text, so that it is read in full."""
    query = parse_query(words)
    found, other = excerpt(query, text), excerpt(query, f"{text} …")

    assert (found and found.marks) == (other and other.marks)
