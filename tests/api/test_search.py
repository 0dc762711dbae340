"""Searching claims over HTTP: what ``q`` means, in lists, facets, groups and bodies."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.commands.search import index_claims
from app.db import Sessions
from app.vocabulary import ClaimStatus
from tests.api.operations import ids_of, walk
from tests.factories import claim_id, make_claim, make_concept, set_status

WORD = "zirkonia"  # no document speaks of it


def search(client: TestClient, query: str, **more: Any) -> dict[str, Any]:
    answer = client.get("/claims", params={"q": query, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def found(client: TestClient, query: str, **more: Any) -> list[str]:
    return ids_of(search(client, query, limit=100, **more)["data"])


def say(sessions: Sessions, statement: str, status: ClaimStatus = ClaimStatus.published) -> str:
    """A claim with this statement; its id."""
    with sessions.write.begin() as session:
        claim = make_claim(session, status=status)
        claim.statement = statement
        index_claims(session, [claim.id])
        return claim_id(claim)


@pytest.fixture
def words(milia: TestClient) -> str:
    """A word that many claims have, and not all."""
    totals = {word: search(milia, word)["meta"]["total"] for word in ("milia", "skin", "cyst")}
    everything = milia.get("/claims").json()["meta"]["total"]
    return next(word for word, total in totals.items() if 30 < total < everything)


# What is found


def test_all_words_have_to_be_there(milia: TestClient, milia_sessions: Sessions) -> None:
    name = say(milia_sessions, f"The {WORD} was polished by hand.")

    assert found(milia, f"polished {WORD}") == [name]
    assert found(milia, f"{WORD} unpolished") == []


def test_a_word_stands_for_its_forms(milia: TestClient, milia_sessions: Sessions) -> None:
    name = say(milia_sessions, f"Polished stones of {WORD}.")

    assert found(milia, f"{WORD} polish stone") == [name]
    assert found(milia, f'{WORD} "stone"') == []


def test_milia_is_not_miliaria(milia: TestClient, milia_sessions: Sessions) -> None:
    name = say(milia_sessions, f"Miliaria, not to be taken for {WORD}.")

    assert found(milia, f"miliaria {WORD}") == [name]
    assert found(milia, f"milia {WORD}") == []
    assert found(milia, f"milia* {WORD}") == [name]


def test_a_phrase_is_its_words_in_their_order(milia: TestClient, milia_sessions: Sessions) -> None:
    name = say(milia_sessions, f"White, small {WORD}.")

    assert found(milia, f'"white small {WORD}"') == [name]
    assert found(milia, f'"small white" {WORD}') == []


def test_an_excluded_word_or_phrase_is_nowhere(milia: TestClient, milia_sessions: Sessions) -> None:
    name = say(milia_sessions, f"White, small {WORD}.")

    assert found(milia, f'{WORD} -large -"small white"') == [name]
    assert found(milia, f"{WORD} -smallest -white") == []
    assert found(milia, f'{WORD} -"white small"') == []
    assert found(milia, f"{WORD} -whi*") == []


def test_exclusions_alone_find_everything_else(milia: TestClient, words: str) -> None:
    everything = milia.get("/claims").json()["meta"]["total"]

    with_it, without = search(milia, words), search(milia, f"-{words}")

    assert with_it["meta"]["total"] + without["meta"]["total"] == everything
    assert without["meta"]["total"] > 0


@pytest.mark.parametrize("query", ["!?", "*", '"', '""', "-", "- *", '-"', "\x00", "🙂", "…"])
def test_punctuation_alone_finds_nothing(milia: TestClient, query: str) -> None:
    answer = search(milia, query)

    assert (answer["meta"]["total"], answer["data"]) == (0, [])
    assert answer["meta"]["search"]["terms"] == []


@pytest.mark.parametrize("query", ["", " ", "\t\n"])
def test_blank_is_no_search(milia: TestClient, query: str) -> None:
    answer = search(milia, query)

    assert answer["meta"]["total"] == milia.get("/claims").json()["meta"]["total"]
    assert answer["meta"]["search"] is None
    assert answer["data"][0]["highlights"] is None


@pytest.mark.parametrize(
    "query",
    [
        "milia AND",
        "NOT milia",
        "milia OR",
        "NEAR(milia cyst",
        "statement:milia",
        "{statement} : milia",
        "^milia",
        "milia + cyst",
        'milia"',
        "milia'",
        "milia\\",
        "milia:*",
        "milia & | !",
        "<-> milia",
        "'milia':A",
        "milia) OR (1=1",
        "%milia_",
        "-milia*",
    ],
)
def test_the_syntax_of_a_database_is_only_text(milia: TestClient, query: str) -> None:
    answer = milia.get("/claims", params={"q": query})

    assert answer.status_code == 200


def test_words_are_bound_and_never_part_of_the_sql(
    milia: TestClient,
    statements: list[str],
) -> None:
    statements.clear()

    search(milia, f"{WORD} -polish 'x\"", facet="type", sort="relevance")

    assert statements
    assert not [each for each in statements if WORD in each or "polish" in each]


# How it is told


def test_the_answer_says_how_the_query_was_understood(milia: TestClient) -> None:
    answer = search(milia, 'Cysts "small, white" -laser* COL17A1-mutation ... -"of skin"')

    assert answer["meta"]["search"]["terms"] == [
        {"text": "Cysts", "kind": "word", "excluded": False},
        {"text": "small, white", "kind": "phrase", "excluded": False},
        {"text": "laser", "kind": "prefix", "excluded": True},
        {"text": "COL17A1-mutation", "kind": "phrase", "excluded": False},
        {"text": "of skin", "kind": "phrase", "excluded": True},
    ]


def test_without_words_there_is_no_search_and_no_highlight(milia: TestClient) -> None:
    answer = milia.get("/claims").json()

    assert answer["meta"]["search"] is None
    assert {claim["highlights"] for claim in answer["data"]} == {None}


def test_twenty_terms_are_taken(milia: TestClient) -> None:
    assert milia.get("/claims", params={"q": "milia " * 19 + "-x"}).status_code == 200


@pytest.mark.parametrize("query", ["milia " * 21, "-x " * 21, '"a" ' * 21])
def test_more_than_twenty_terms_are_refused(milia: TestClient, query: str) -> None:
    answers = [
        milia.get("/claims", params={"q": query}),
        milia.post("/claims/search", json={"q": query}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    for answer in answers:
        [error] = answer.json()["errors"]
        assert error["detail"] == "at most 20 terms."


def test_a_query_of_more_than_500_letters_is_refused(milia: TestClient) -> None:
    assert milia.get("/claims", params={"q": "m" * 501}).status_code == 422


@pytest.mark.parametrize("more", [{}, {"q": ""}, {"q": " "}])
def test_relevance_without_words_is_refused(milia: TestClient, more: dict[str, str]) -> None:
    answer = milia.get("/claims", params={"sort": "relevance", **more})

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["parameter"] == "sort"
    assert "q" in error["detail"]


# Order


def test_the_statement_weighs_more_than_labels_and_labels_more_than_quotes(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        named = make_concept(session, label=f"polished {WORD}")
        in_quote = make_claim(session, passages=["p1", "p2", "p3"])
        in_quote.citations[0].quote = f"polished {WORD}"
        in_label = make_claim(session, concept=named)
        in_statement = make_claim(session)
        in_statement.statement = f"{WORD} is polished."
        in_both = make_claim(session, concept=named, passages=["p1", "p2"])
        in_both.statement = f"About {WORD}."
        made = [in_statement, in_both, in_label, in_quote]
        index_claims(session, [claim.id for claim in made])
        expected = [claim_id(claim) for claim in made]

    assert found(milia, f"polish {WORD}") == expected
    assert found(milia, f"polish {WORD}", sort="relevance") == expected
    assert found(milia, f"polish {WORD}", sort="id") == sorted(expected, key=len_and_text)


def len_and_text(name: str) -> tuple[int, str]:
    return len(name), name


def test_of_equals_the_one_with_more_passages_comes_first(milia: TestClient) -> None:
    rows = search(milia, f"-{WORD}", limit=100)["data"]

    counts = [row["passage_count"] for row in rows]

    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) > 1


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_walk_gives_every_claim_once_in_one_order(
    milia: TestClient,
    words: str,
    limit: int,
) -> None:
    address = f"/claims?q={words}&type=cause&limit="

    rows = walk(milia, f"{address}{limit}")

    expected = [
        row for row in walk(milia, f"/claims?q={words}&limit=100") if row["type"] == "cause"
    ]
    assert ids_of(rows) == ids_of(expected)
    assert len(rows) > 7


def test_a_walk_by_body_gives_what_a_walk_by_parameters_gives(
    milia: TestClient,
    words: str,
) -> None:
    asked: dict[str, Any] = {"q": words, "limit": 40, "filter": {"type": ["cause", "treatment"]}}
    rows, cursor = [], None
    while True:
        answer = milia.post("/claims/search", json=asked | ({"cursor": cursor} if cursor else {}))
        rows += answer.json()["data"]
        cursor = answer.json()["page"]["next_cursor"]
        if cursor is None:
            break

    assert rows == walk(milia, f"/claims?q={words}&type=cause&type=treatment")


def test_a_cursor_belongs_to_its_words(milia: TestClient, words: str) -> None:
    cursor = search(milia, words, limit=1)["page"]["next_cursor"]

    answer = milia.get("/claims", params={"q": f"{words} -x", "limit": 1, "cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


# With everything else


def test_words_and_filters_are_both_held(milia: TestClient, words: str) -> None:
    causes = set(ids_of(walk(milia, "/claims?type=cause")))
    with_words = set(ids_of(walk(milia, f"/claims?q={words}&limit=100")))

    both = set(found(milia, words, type="cause"))

    assert both == causes & with_words
    assert both not in (causes, set())


def test_facets_groups_and_totals_agree_with_the_list(milia: TestClient, words: str) -> None:
    rows = walk(milia, f"/claims?q={words}&limit=100")
    by_type: dict[str, int] = {}
    for row in rows:
        by_type[row["type"]] = by_type.get(row["type"], 0) + 1

    answer = search(milia, words, facet="type", type="cause", limit=1)
    groups = search(milia, words, group_by="type")

    facet = {value["value"]: value["count"] for value in answer["facets"]["type"]["values"]}
    assert facet == by_type
    assert answer["meta"]["total"] == by_type["cause"]
    assert {group["key"]["type"]: group["count"] for group in groups["data"]} == by_type
    assert groups["meta"]["total"] == len(rows)
    assert groups["meta"]["search"]["terms"][0]["text"] == words


@pytest.mark.parametrize(
    "status",
    [status for status in ClaimStatus if status is not ClaimStatus.published],
)
def test_what_is_not_published_is_neither_found_nor_counted(
    milia: TestClient,
    milia_sessions: Sessions,
    status: ClaimStatus,
) -> None:
    say(milia_sessions, f"The {WORD} is secret.", status)

    for query in (WORD, f'"{WORD}"', "zirk*", f'"the {WORD}"'):
        answer = search(milia, query, facet="type")
        assert (answer["meta"]["total"], answer["data"]) == (0, [])
        assert answer["facets"]["type"]["values"] == []
    assert search(milia, WORD, group_by="type")["meta"]["total"] == 0


def test_a_claim_is_not_found_any_more_once_it_is_retracted(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        claim = make_claim(session, concept=make_concept(session, label=WORD))
    assert len(found(milia, WORD)) == 1

    with milia_sessions.write.begin() as session:
        set_status(session, session.merge(claim), ClaimStatus.retracted)

    assert found(milia, WORD) == []
    everything = milia.get("/claims").json()["meta"]["total"]
    assert search(milia, f"-{WORD}")["meta"]["total"] == everything


def test_a_search_takes_as_many_statements_for_a_hundred_claims_as_for_one(
    milia: TestClient,
    words: str,
    statements: list[str],
) -> None:
    counts = []
    for limit in (1, 10, 100):
        statements.clear()
        search(milia, words, limit=limit)
        counts.append(len(statements))

    # One more where one of the claims is in a conflict.
    assert counts[0] <= counts[1] <= counts[2] <= counts[0] + 1


# Highlights


def test_marks_stand_on_the_words_that_were_found(milia: TestClient, words: str) -> None:
    rows = search(milia, words, limit=100)["data"]

    for row in rows:
        assert row["highlights"]
        for each in row["highlights"]:
            assert each["marks"]
            assert len(each["text"]) <= 300
            marked = [each["text"][start:end].lower() for start, end in each["marks"]]
            assert all(mark.startswith(words) for mark in marked)


def test_a_highlight_is_a_piece_of_what_the_claim_says(milia: TestClient, words: str) -> None:
    for row in search(milia, words, limit=100)["data"]:
        quotes = [citation["quote"] or "" for citation in row["citations"]]
        for each in row["highlights"]:
            if each["field"] == "statement":
                assert each["text"] in row["statement"]
            if each["field"] == "quote":
                assert any(each["text"] in quote for quote in quotes)


def test_markup_in_a_text_stays_text(milia: TestClient, milia_sessions: Sessions) -> None:
    statement = f"<script>alert('{WORD}')</script> & <b>"
    say(milia_sessions, statement)

    [row] = search(milia, WORD)["data"]

    [highlight] = row["highlights"]
    assert highlight["text"] == statement
    [[start, end]] = highlight["marks"]
    assert statement[start:end] == WORD


def test_a_phrase_is_one_mark_and_an_excluded_word_none(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    say(milia_sessions, f"Polished {WORD}, and a stone.")

    [row] = search(milia, f'"polished {WORD}" stones {WORD} -milia')["data"]

    [highlight] = row["highlights"]
    marked = [highlight["text"][start:end] for start, end in highlight["marks"]]
    assert marked == [f"Polished {WORD}", "stone"]


def test_only_highlights_can_be_asked_for(milia: TestClient, words: str) -> None:
    [row] = search(milia, words, limit=1, fields=["highlights"])["data"]

    assert set(row) == {"id", "highlights"}
    assert row["highlights"]


def test_a_claim_that_was_not_searched_for_has_no_highlights(milia: TestClient) -> None:
    claim = milia.get("/claims?limit=1").json()["data"][0]["id"]

    assert milia.get(f"/claims/{claim}").json()["highlights"] is None
