"""Counters are what counting gives; where there is none, counting and ranking end at a bound."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.commands.counts import JOINED
from app.db import Sessions
from app.models import Claim, ClaimCount
from app.policy import Role
from app.queries import claim_lists, counts
from app.queries.counts import count_faults
from app.vocabulary import ClaimStatus, Severity
from tests.accounts import signed_in
from tests.api.curation import body_of, moved, published
from tests.api.operations import ids_of, walk

CAP = 20


@pytest.fixture
def capped(milia: TestClient, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The base of milia, which is larger than the bound."""
    monkeypatch.setattr(counts, "CAP", CAP)
    monkeypatch.setattr(claim_lists, "CAP", CAP)
    return milia


def total(client: TestClient, query: str) -> tuple[Any, bool]:
    meta = client.get(f"/claims?limit=1&{query}").json()["meta"]
    return meta["total"], meta["total_is_exact"]


def is_marked(session: Session) -> bool:
    """Add a claim that is not there to the counters, so that their use shows."""
    values = select(ClaimCount.id).where(ClaimCount.number > 0).limit(1).scalar_subquery()
    changed = session.execute(
        update(ClaimCount).where(ClaimCount.id == values).values(number=ClaimCount.number + 1),
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]  # a cursor's


def test_whatever_is_done_to_claims_is_counted(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        assert count_faults(session) == []
        ids = list(session.scalars(select(Claim.id).order_by(Claim.id).limit(6)))
        for changed in (
            {"status": ClaimStatus.retracted},
            {"question": "symptom.reported", "type": "symptom"},
            {"status": ClaimStatus.published},
            {"severity": Severity.contradiction, "conflict": True},
            {"status": ClaimStatus.draft, "question": "cause.origin", "type": "cause"},
        ):
            session.execute(update(Claim).where(Claim.id.in_(ids)).values(**changed))
            assert count_faults(session) == []
        session.rollback()


def test_curating_keeps_the_counters_right(milia: TestClient, milia_sessions: Sessions) -> None:
    curator = signed_in(milia, milia_sessions, Role.curator)
    before = total(curator, "")
    claim = published(curator, body_of())
    assert total(curator, "") == (before[0] + 1, True)

    moved(curator, claim, "retract")

    assert total(curator, "") == before
    with milia_sessions.read() as session:
        assert count_faults(session) == []


def test_a_wrong_counter_is_found(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        assert is_marked(session)
        [fault] = count_faults(session)
        session.execute(delete(ClaimCount))
        assert len(count_faults(session)) > 1
        session.rollback()

    assert "claims are noted of" in fault


def test_rows_that_were_added_are_joined(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        if session.get_bind().dialect.name != "postgresql":
            pytest.skip("SQLite keeps one row of each combination")
        for status in (ClaimStatus.draft, ClaimStatus.published):
            session.execute(update(Claim).values(status=status))
        values = (Claim.type, Claim.question, Claim.polarity, Claim.severity)
        kinds = len(session.execute(select(*values).distinct()).all())
        session.execute(JOINED)
        rows = session.scalars(select(ClaimCount.number)).all()

        assert len(rows) == kinds
        assert min(rows) > 0
        assert count_faults(session) == []
        session.rollback()


def test_counters_answer_totals_facets_and_groups(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    before = milia.get("/claims?limit=1&facet=type&facet=severity").json()
    groups = milia.get("/claims?group_by=question").json()
    with milia_sessions.write.begin() as session:
        assert is_marked(session)

    after = milia.get("/claims?limit=1&facet=type&facet=severity").json()

    for name in ("type", "severity"):
        assert counted(after["facets"][name]) == counted(before["facets"][name]) + 1
    marked = milia.get("/claims?group_by=question").json()
    assert marked["meta"]["total"] == groups["meta"]["total"] + 1


def test_a_facet_of_the_counters_leaves_out_what_is_not_wanted(milia: TestClient) -> None:
    query = "limit=1&facet=type&polarity__not=denies&severity__not=none"

    facets = milia.get(f"/claims?{query}").json()["facets"]["type"]

    assert 0 < counted(facets) == total(milia, "polarity__not=denies&severity__not=none")[0]
    assert counted(facets) < total(milia, "")[0]


def counted(facet: dict[str, Any]) -> int:
    return sum(row["count"] for row in facet["values"])


def test_a_total_that_no_counter_has_ends_at_the_bound(capped: TestClient) -> None:
    assert total(capped, "certainty=asserted") == (CAP, False)
    exact, is_exact = total(capped, "certainty=asserted&count=exact")

    assert exact > CAP
    assert is_exact
    assert total(capped, "certainty=asserted&count=none") == (None, False)


def test_a_total_of_the_counters_is_exact_beyond_the_bound(capped: TestClient) -> None:
    number = len(walk(capped, "/claims?polarity=affirms&limit=100"))

    assert number > CAP
    assert total(capped, "polarity=affirms") == (number, True)
    assert total(capped, "polarity__not=denies&conflict=true")[1]


def test_a_search_for_common_words_ranks_as_many_as_it_says(capped: TestClient) -> None:
    everything = ids_of(walk(capped, "/claims?q=milia&sort=id&limit=100"))
    first = capped.get("/claims?q=milia&limit=7").json()

    found = ids_of(walk(capped, "/claims?q=milia&limit=7"))

    assert len(everything) > CAP
    assert sorted(found) == sorted(everything[:CAP])
    assert first["meta"]["search"]["is_capped"] is True
    assert (first["meta"]["total"], first["meta"]["total_is_exact"]) == (CAP, False)


def test_filters_come_before_the_bound_of_a_search(capped: TestClient) -> None:
    query = "q=milia&type=prevalence"
    wanted = ids_of(walk(capped, f"/claims?{query}&sort=id"))
    answer = capped.get(f"/claims?{query}&limit=100").json()

    assert 0 < len(wanted) <= CAP
    assert sorted(ids_of(answer["data"])) == sorted(wanted)
    assert answer["meta"]["search"]["is_capped"] is False
    assert answer["meta"]["total_is_exact"] is True
