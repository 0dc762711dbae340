"""The rules on the real document: what has to be flagged, and what must not be.

``milia_pairs.json`` was written from the document before any rule ran. Each of its claims
is judged by what the named passage says of it, without its citations elsewhere.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.conflicts import Claim, compute_conflicts
from app.models import Citation, Passage
from app.models import Conflict as StoredConflict
from app.queries.eligible import concept_hierarchy, eligible_claims
from app.vocabulary import Severity, load_vocabulary
from tests.conftest import ROOT

PAIRS = json.loads((ROOT / "tests" / "conflicts" / "milia_pairs.json").read_text())


def named(pair: dict[str, Any]) -> str:
    return "{a[fragment]} ({a[passage]}) and {b[fragment]} ({b[passage]})".format(**pair)


def said_by(session: Session, place: dict[str, Any]) -> Claim:
    """The claim with the shortest fitting quote, with the citations of that passage only."""
    passage_key = f"p{place['passage']}"
    quotes = {
        f"CIT{id_}": quote or ""
        for id_, quote in session.execute(
            select(Citation.id, Citation.quote)
            .join(Passage, Passage.id == Citation.passage_id)
            .where(Passage.key == passage_key),
        )
    }
    [condition_id] = session.scalars(select(StoredConflict.condition_id).distinct())
    fitting = [
        (len(quotes[citation.id]), claim.id, claim)
        for claim in eligible_claims(session, condition_id)
        if claim.question == place["question"]
        for citation in claim.citations
        if place["fragment"] in quotes.get(citation.id, "")
    ]
    assert fitting, f"no claim is cited for {place}"
    claim = min(fitting, key=lambda found: found[:2])[2]
    return replace(claim, citations=tuple(c for c in claim.citations if c.id in quotes))


def severity_between(session: Session, pair: dict[str, Any]) -> Severity:
    """How strongly the two claims clash when nothing else is there."""
    claims = [said_by(session, pair["a"]), said_by(session, pair["b"])]
    result = compute_conflicts(claims, load_vocabulary(), concept_hierarchy(session))
    return max(result.severities.values(), key=lambda severity: severity.rank)


@pytest.mark.parametrize("pair", PAIRS["flagged"], ids=named)
def test_what_cannot_stand_together_is_flagged(milia_session: Session, pair: Any) -> None:
    assert severity_between(milia_session, pair).is_conflict, pair["why"]


@pytest.mark.parametrize("pair", PAIRS["not_flagged"], ids=named)
def test_what_can_stand_together_is_not_flagged(milia_session: Session, pair: Any) -> None:
    assert not severity_between(milia_session, pair).is_conflict, pair["why"]


def test_there_are_at_least_thirty_pairs_of_each_kind() -> None:
    assert len(PAIRS["flagged"]) >= 30
    assert len(PAIRS["not_flagged"]) >= 30


def conflict_on(session: Session, rule: str, question: str) -> StoredConflict:
    return session.scalars(
        select(StoredConflict).where(
            StoredConflict.rule == rule,
            StoredConflict.question == question,
        ),
    ).one()


def test_the_origin_is_one_conflict_with_every_named_cause_as_a_side(
    milia_session: Session,
) -> None:
    conflict = conflict_on(milia_session, "values", "cause.origin")

    labels = {side["label"] for side in conflict.body["sides"]}
    assert {
        "COL17A1 mutation",
        "mutation in the gene that codes for keratin",
        "blocked sebaceous glands",
    } <= labels
    assert any("calcium metabolism" in label for label in labels)


def test_every_open_conflict_of_milia_is_one_that_a_careful_reader_expects(
    milia_session: Session,
) -> None:
    flagged = {
        (row.rule, row.question)
        for row in milia_session.scalars(select(StoredConflict))
        if row.effective.is_conflict
    }

    assert flagged == {
        ("values", "cause.origin"),
        ("known_unknown", "cause.origin"),
        ("exclusion", "definition.kind"),
        ("values", "mechanism.lesion_material"),
        ("values", "onset.usual_age"),
        ("values", "prevalence.frequency"),
        ("values", "treatment.availability"),
        ("values", "treatment.removability"),
        ("values", "treatment.usual"),
        ("frequency", "treatment.option"),
        ("exclusion", "prognosis.outlook"),
    }


def test_every_conflict_explains_itself_in_one_sentence(milia_session: Session) -> None:
    for row in milia_session.scalars(select(StoredConflict)):
        assert row.explanation.endswith(".")
        assert "\n" not in row.explanation
        assert len(row.explanation) < 500
