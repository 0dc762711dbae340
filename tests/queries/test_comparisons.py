"""Matrix and agreement against the claims and conflicts that the lists give."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.vocabulary import Severity, load_vocabulary
from tests.api.operations import walk
from tests.generators import Base, make_plan, served, serving
from tests.queries.oracle import words_of

Record = dict[str, Any]
QUESTIONS = [row.key for row in load_vocabulary().questions]
LEFT_OUT = ["", "exclude_passage=leaflet/p1", "exclude_document=leaflet&exclude_document=old"]
NUMBERS = [4, 5]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("comparisons")) as base:
        yield base


def claims_of(client: TestClient, left_out: str) -> list[Record]:
    return walk(client, f"/claims?condition=milia&limit=100&{left_out}")


def topic(row: Record) -> tuple[str, str]:
    return row["question"], row["subject"]["key"] if row["subject"] else ""


def by_topic(claims: list[Record]) -> dict[tuple[str, str], list[Record]]:
    found = defaultdict(list)
    for claim in claims:
        found[topic(claim)].append(claim)
    return dict(found)


def strongest(claims: list[Record]) -> str:
    return max((Severity(claim["severity"]) for claim in claims), key=lambda own: own.rank).value


def answer_in_cell(claim: Record, citation: Record) -> Record:
    return {
        "claim": claim["id"],
        "label": words_of(claim),
        "polarity": claim["polarity"],
        "scope": claim["scope"],
        "certainty": citation["certainty"],
        "frequency": citation["frequency"],
        "exclusivity": citation["exclusivity"],
        "severity": claim["severity"],
    }


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("left_out", LEFT_OUT)
@pytest.mark.parametrize("by", ["passage", "document"])
def test_each_citation_stands_in_its_row_and_column_and_nowhere_else(
    empty: Base,
    by: str,
    left_out: str,
    number: int,
) -> None:
    with serving(empty, make_plan(number, claims=40)) as client:
        claims = claims_of(client, left_out)
        answer = client.get(f"/conditions/milia/matrix?by={by}&{left_out}")

    assert answer.status_code == 200, answer.text
    matrix = answer.json()
    cells = {
        (topic(row), cell["column"]): cell["answers"]
        for row in matrix["rows"]
        for cell in row["cells"]
    }
    expected = defaultdict(list)
    for claim in claims:
        for citation in claim["citations"]:
            said = answer_in_cell(claim, citation)
            expected[topic(claim), citation[by]["id"]].append(said)
    assert cells == expected
    assert matrix["truncated"] is False
    cited = {citation[by]["id"] for claim in claims for citation in claim["citations"]}
    columns = [column["id"] for column in matrix["columns"]]
    assert set(columns) == cited
    assert len(set(columns)) == len(columns)
    for row in matrix["rows"]:
        places = [columns.index(cell["column"]) for cell in row["cells"]]
        assert places == sorted(places)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("left_out", LEFT_OUT)
@pytest.mark.parametrize("view", ["matrix", "agreement"])
def test_a_row_for_each_question_and_subject_says_where_they_part(
    empty: Base,
    view: str,
    left_out: str,
    number: int,
) -> None:
    with serving(empty, make_plan(number, claims=40)) as client:
        claims = by_topic(claims_of(client, left_out))
        conflicts = walk(client, f"/conflicts?condition=milia&limit=100&{left_out}")
        body = client.get(f"/conditions/milia/{view}?{left_out}").json()

    rows = body["rows" if view == "matrix" else "data"]
    assert [topic(row) for row in rows] == sorted(
        claims,
        key=lambda key: (QUESTIONS.index(key[0]), key[1]),
    )
    every = {row["id"] for row in conflicts}
    for row in rows:
        own = claims[topic(row)]
        assert row["severity"] == strongest(own)
        assert set(row["conflicts"]) == {ref["id"] for claim in own for ref in claim["conflicts"]}
        assert set(row["conflicts"]) <= every
        assert row["type"] == own[0]["type"]
    assert {id_ for row in rows for id_ in row["conflicts"]} == every


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_agreement_counts_the_passages_of_each_answer(
    empty: Base,
    left_out: str,
    number: int,
) -> None:
    with serving(empty, make_plan(number, claims=40)) as client:
        claims = by_topic(claims_of(client, left_out))
        rows = client.get(f"/conditions/milia/agreement?{left_out}").json()["data"]

    for row in rows:
        own = {claim["id"]: claim for claim in claims[topic(row)]}
        assert {answer["claim"] for answer in row["answers"]} == set(own)
        for answer in row["answers"]:
            cited = own[answer["claim"]]["citations"]
            assert set(answer["passages"]) == {each["passage"]["id"] for each in cited}
            assert answer["passage_count"] == len(answer["passages"])
            assert answer["passage_count"] == own[answer["claim"]]["passage_count"]
            assert answer["document_count"] == len({each["document"]["id"] for each in cited})
            assert answer["suspected"] == sum(each["certainty"] == "suspected" for each in cited)
            assert answer["label"] == words_of(own[answer["claim"]])
        numbers = [answer["passage_count"] for answer in row["answers"]]
        assert numbers == sorted(numbers, reverse=True)
        passages = {c["passage"]["id"] for claim in own.values() for c in claim["citations"]}
        assert row["passage_count"] == len(passages)


def test_a_claim_that_one_document_makes_twice_stands_twice_in_its_cell(empty: Base) -> None:
    with serving(empty, make_plan(4, claims=40)) as client:
        claims = claims_of(client, "")
        rows = client.get("/conditions/milia/matrix?by=document").json()["rows"]

    twice = next(c for c in claims if len(c["citations"]) > c["document_count"])
    times = [
        answer["claim"] for row in rows for cell in row["cells"] for answer in cell["answers"]
    ].count(twice["id"])
    assert times == len(twice["citations"])


def test_rare_and_common_part_in_their_row(milia: TestClient) -> None:
    matrix = milia.get("/conditions/milia/matrix").json()

    row = next(each for each in matrix["rows"] if each["question"] == "prevalence.frequency")
    keys = {column["id"]: column["key"] for column in matrix["columns"]}
    said = {
        (keys[cell["column"]], answer["label"])
        for cell in row["cells"]
        for answer in cell["answers"]
    }
    assert {("p1", "rare"), ("p10", "common")} <= said
    assert row["severity"] == "contradiction"
    assert row["conflicts"]


@pytest.mark.parametrize("slug", ["milia-syndrome", "Milia"])
@pytest.mark.parametrize("view", ["matrix", "agreement"])
def test_an_alias_leads_to_the_slug_with_its_query(milia: TestClient, slug: str, view: str) -> None:
    answer = milia.get(f"/conditions/{slug}/{view}?exclude_passage=milia-syndrome/p1")

    assert answer.status_code == 308
    expected = f"/conditions/milia/{view}?exclude_passage=milia-syndrome/p1"
    assert answer.headers["Location"] == expected


def test_a_matrix_by_something_else_is_refused_with_a_suggestion(milia: TestClient) -> None:
    answer = milia.get("/conditions/milia/matrix?by=pasage")

    assert answer.status_code == 422
    assert "Did you mean 'passage'?" in answer.json()["errors"][0]["detail"]
