"""How many SQL statements an answer takes is fixed, however long it is."""

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.curation import body_of, patched, published
from tests.api.operations import LISTS, Operation, named
from tests.factories import make_claim, make_concept

# Where none of the claims is in a conflict, none is read.
OF_CONFLICTS = 1


def statements_for(client: TestClient, statements: list[str], address: str) -> int:
    statements.clear()
    answer = client.get(address)
    assert answer.status_code == 200
    return sum(not each.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")) for each in statements)


@pytest.mark.parametrize(**named(LISTS))
def test_a_list_takes_as_many_statements_for_a_hundred_rows_as_for_one(
    milia: TestClient,
    statements: list[str],
    operation: Operation,
) -> None:
    few = statements_for(milia, statements, operation.asked("limit=1"))

    many = statements_for(milia, statements, operation.asked("limit=100"))

    assert few <= many <= few + OF_CONFLICTS <= 12 + OF_CONFLICTS


@pytest.mark.parametrize("query", ["conflict=true", "type=cause", "concept=col17a1-mutation"])
def test_a_filtered_list_takes_as_many_statements_however_long(
    milia: TestClient,
    statements: list[str],
    query: str,
) -> None:
    few = statements_for(milia, statements, f"/claims?{query}&limit=1")

    many = statements_for(milia, statements, f"/claims?{query}&limit=100")

    assert few <= many <= few + OF_CONFLICTS


def test_a_later_page_takes_as_many_statements_as_the_first(
    milia: TestClient,
    statements: list[str],
) -> None:
    first = statements_for(milia, statements, "/claims?limit=5&conflict=true")
    following = milia.get("/claims?limit=5&conflict=true").json()["page"]["next"]

    assert statements_for(milia, statements, following) == first


@pytest.mark.parametrize("address", ["/conditions/milia", "/conditions", "/documents/DOC1"])
def test_more_claims_take_no_more_statements(
    milia: TestClient,
    milia_sessions: Sessions,
    statements: list[str],
    address: str,
) -> None:
    before = statements_for(milia, statements, address)
    with milia_sessions.write.begin() as session:
        concept = make_concept(session)
        for _ in range(5):
            make_claim(session, subject=concept, passages=["p1", "p2", "p3"])

    assert statements_for(milia, statements, address) == before <= 20


def test_an_edit_takes_as_many_statements_however_many_claims_stand_beside(
    milia: TestClient, milia_sessions: Sessions, statements: list[str]
) -> None:
    curator = signed_in(milia, milia_sessions, Role.curator)
    claim = published(curator, body_of("mild soap"))
    statements.clear()
    changed = patched(curator, claim, statement="One soap.", scope={"age_low": 1})
    few = len(statements)
    for words in ("hard soap", "soft soap", "no soap"):
        published(curator, body_of(words))
    statements.clear()

    patched(curator, changed, statement="Another soap.", scope={"age_low": 2})

    assert len(statements) <= few <= 34


def test_one_claim_takes_a_statement_more_for_all_its_conflicts(
    milia: TestClient,
    statements: list[str],
) -> None:
    names = [
        milia.get(f"/claims?conflict={flag}&limit=1").json()["data"][0]["id"]
        for flag in ("true", "false")
    ]

    flagged, other = (statements_for(milia, statements, f"/claims/{name}") for name in names)

    assert flagged == other + OF_CONFLICTS <= 10
