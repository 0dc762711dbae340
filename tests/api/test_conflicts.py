"""``/conflicts`` and one conflict, always with all of its sides."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.vocabulary import ClaimStatus
from tests.api.operations import ids_of, walk
from tests.factories import claim_id, make_claim, make_concept, set_status

ORIGIN = "/conflicts?condition=milia&question=cause.origin&rule=values"


def test_the_list_has_open_conflicts_of_all_severities(milia: TestClient) -> None:
    rows = walk(milia, "/conflicts?condition=milia&limit=100")

    assert {row["status"] for row in rows} == {"open"}
    assert ids_of(rows) == sorted(set(ids_of(rows)), key=lambda each: int(each[3:]))
    page = milia.get("/conditions/milia").json()
    assert sorted(ids_of(rows)) == sorted(ids_of(page["conflicts"]))


def test_the_origin_of_milia_is_one_disagreement_with_all_its_sides(milia: TestClient) -> None:
    [conflict] = milia.get(ORIGIN).json()["data"]

    assert conflict["severity"]["effective"] == "disagreement"
    assert conflict["conflict"] is True
    values = {
        milia.get(f"/claims/{claim}").json()["concept"]["key"]
        for side in conflict["sides"]
        for claim in side["claims"]
    }
    assert "col17a1-mutation" in values
    assert len(values) >= 4


def test_a_claim_on_a_side_is_flagged_where_its_own_clash_is_a_disagreement_or_more(
    milia: TestClient,
) -> None:
    [conflict] = milia.get(ORIGIN).json()["data"]

    flags = []
    for side in conflict["sides"]:
        for name in side["claims"]:
            claim = milia.get(f"/claims/{name}").json()
            [own] = [each for each in claim["conflicts"] if each["id"] == conflict["id"]]
            flags.append(claim["conflict"])
            assert claim["conflict"] or own["severity"] == "tension"
    assert sum(flags) >= 2


def test_one_conflict_is_the_same_as_in_the_list(milia: TestClient) -> None:
    for row in walk(milia, "/conflicts?limit=100"):
        assert milia.get(f"/conflicts/{row['id']}").json() == row | {"as_of": None}


def test_every_conflict_has_two_sides_that_clash_and_explains_itself(milia: TestClient) -> None:
    for row in walk(milia, "/conflicts?limit=100"):
        assert len(row["sides"]) >= 2
        assert all(side["claims"] and side["passages"] for side in row["sides"])
        assert row["clashes"]
        clashing = {place for clash in row["clashes"] for place in clash["sides"]}
        assert clashing == set(range(len(row["sides"])))
        assert row["explanation"].endswith(".")
        assert row["decision"] is None


Fits = Callable[[dict[str, Any]], bool]
FILTERS: list[tuple[str, Fits]] = [
    ("question=cause.origin", lambda row: row["question"] == "cause.origin"),
    (
        "question=cause.origin&question=prevalence.frequency",
        lambda row: row["question"] in {"cause.origin", "prevalence.frequency"},
    ),
    ("rule=values", lambda row: row["rule"] == "values"),
    ("severity=contradiction", lambda row: row["severity"]["effective"] == "contradiction"),
    ("conflict=true", lambda row: row["conflict"] is True),
    ("conflict=false", lambda row: row["conflict"] is False),
    ("condition=milia-syndrome", lambda row: row["condition"]["slug"] == "milia"),
    (
        "conflict=true&rule=values&severity=disagreement",
        lambda row: (
            row["conflict"]
            and row["rule"] == "values"
            and row["severity"]["effective"] == "disagreement"
        ),
    ),
    ("severity=tension&conflict=true", lambda _: False),
    ("status=closed", lambda _: False),
]


@pytest.mark.parametrize(("query", "fits"), FILTERS, ids=[query for query, _ in FILTERS])
def test_a_filter_gives_exactly_the_conflicts_that_fit(
    milia: TestClient,
    query: str,
    fits: Fits,
) -> None:
    every = walk(milia, "/conflicts?limit=100")

    found = walk(milia, f"/conflicts?limit=100&{query}")

    assert ids_of(found) == ids_of([row for row in every if fits(row)])


def test_a_filter_by_subject_gives_the_conflicts_about_it(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        subject = make_concept(session)
        claims = [make_claim(session, subject=subject) for _ in range(2)]
        key, names = subject.key, {claim_id(claim) for claim in claims}

    [row] = walk(milia, f"/conflicts?subject={key}")

    assert row["subject"]["key"] == key
    assert {name for side in row["sides"] for name in side["claims"]} == names


@pytest.mark.parametrize(
    ("query", "place", "hint"),
    [
        ("question=cause.orgin", "question", "cause.origin"),
        ("rule=value", "rule", "values"),
        ("severity=contradicton", "severity", "contradiction"),
        ("condition=millia", "condition", "milia"),
        ("subject=laser-therapie", "subject", "laser-therapy"),
        ("status=opened", "status", "open"),
    ],
)
def test_an_unknown_value_is_refused_with_a_suggestion(
    milia: TestClient,
    query: str,
    place: str,
    hint: str,
) -> None:
    answer = milia.get(f"/conflicts?{query}")

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["in"], error["parameter"]) == ("query", place)
    assert f"Did you mean '{hint}'?" in error["detail"]


def test_what_was_asked_is_told_back(milia: TestClient) -> None:
    answer = milia.get("/conflicts?question=cause.origin&rule=values&rule=polarity")

    applied = answer.json()["meta"]["applied"]
    assert applied == {"question": ["cause.origin"], "rule": ["values", "polarity"]}


@pytest.mark.parametrize(
    "name",
    ["CNF0", "CNF999999", "CNF01", "cnf1", "CNF1.1", "CLM1", "1", "CNF", "CNF-1"],
)
def test_a_conflict_that_is_not_there_is_not_found(milia: TestClient, name: str) -> None:
    assert milia.get(f"/conflicts/{name}").status_code == 404


def test_a_draft_is_on_no_side(milia: TestClient, milia_sessions: Sessions) -> None:
    before = walk(milia, "/conflicts?limit=100")
    with milia_sessions.write.begin() as session:
        make_claim(session, status=ClaimStatus.draft, question="cause.origin")

    assert walk(milia, "/conflicts?limit=100") == before


def test_a_conflict_without_its_second_side_is_closed_but_keeps_its_address(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        subject = make_concept(session)
        claims = [make_claim(session, subject=subject) for _ in range(2)]
        key = subject.key
    [opened] = walk(milia, f"/conflicts?subject={key}")
    with milia_sessions.write.begin() as session:
        set_status(session, claims[0], ClaimStatus.retracted)

    closed = milia.get(f"/conflicts/{opened['id']}").json()

    assert (closed["status"], closed["conflict"]) == ("closed", False)
    assert walk(milia, f"/conflicts?subject={key}") == []
    assert walk(milia, f"/conflicts?subject={key}&status=closed") == [
        {name: part for name, part in closed.items() if name != "as_of"},
    ]
    assert milia.get(f"/claims/{claim_id(claims[1])}").json()["conflict"] is False


def test_a_conflict_that_comes_back_has_its_id_again(
    milia: TestClient,
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write.begin() as session:
        subject = make_concept(session)
        claims = [make_claim(session, subject=subject) for _ in range(2)]
        key = subject.key
    [opened] = walk(milia, f"/conflicts?subject={key}")
    for status in (ClaimStatus.retracted, ClaimStatus.published):
        with milia_sessions.write.begin() as session:
            set_status(session, claims[0], status)

    [again] = walk(milia, f"/conflicts?subject={key}")

    assert (again["id"], again["version"]) == (opened["id"], opened["version"] + 2)
