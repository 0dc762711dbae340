"""What makes a decision stale, and what is only drift."""

from dataclasses import replace
from typing import Any

import pytest

from app.conflicts import Citation, Claim
from app.vocabulary import Certainty, Exclusivity, Frequency, Rule, Vocabulary
from tests.conflicts.builders import (
    VOCABULARY,
    citation,
    cited,
    claim,
    compute,
    only,
    scope,
    vocabulary,
)

GENE, DUST = claim("origin", "gene"), claim("origin", "dust")
BEFORE = only(Rule.values, GENE, DUST)


def test_a_new_citation_with_the_same_hedging_is_only_drift() -> None:
    early = citation("elsewhere", at=0, document="other")
    after = only(Rule.values, GENE, cited(DUST, early))
    assert after.sides[0].label == "dust"
    assert after.fingerprint == BEFORE.fingerprint
    assert after.basis != BEFORE.basis


@pytest.mark.parametrize(
    "change",
    [
        {"certainty": Certainty.suspected},
        {"frequency": Frequency.usually},
        {"exclusivity": Exclusivity.one_of_several},
    ],
)
def test_a_new_hedge_changes_the_fingerprint(change: dict[str, Any]) -> None:
    hedged: Citation = replace(citation(), **change)
    assert only(Rule.values, GENE, cited(DUST, hedged)).fingerprint != BEFORE.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        replace(DUST, concept="sun"),
        replace(DUST, scope=scope(sex="women")),
        replace(DUST, scope=scope(age_low=3)),
    ],
)
def test_a_changed_value_or_scope_changes_the_fingerprint(other: Claim) -> None:
    assert only(Rule.values, GENE, other).fingerprint != BEFORE.fingerprint


def test_a_new_side_changes_the_fingerprint() -> None:
    sun = claim("origin", "sun")
    assert only(Rule.values, GENE, DUST, sun).fingerprint != BEFORE.fingerprint


def test_a_changed_polarity_changes_the_fingerprint() -> None:
    rows = VOCABULARY.model_dump(mode="json")["exclusions"][1:]
    rows[0]["sides"][0]["question"] = "kind"
    one, other = claim("kind", "numbness"), claim("kind", "painless", denied=True)
    before = compute(one, other, words=vocabulary(exclusions=rows)).conflicts[0]
    rows[0]["sides"][1]["polarity"] = "affirms"
    affirmed = replace(other, polarity=one.polarity)
    after = compute(one, affirmed, words=vocabulary(exclusions=rows)).conflicts[0]
    assert before.key == after.key
    assert before.fingerprint != after.fingerprint


def test_another_label_or_subject_label_does_not_change_the_fingerprint() -> None:
    renamed = replace(DUST, label="house dust", subject_label="Milia")
    assert only(Rule.values, GENE, renamed).fingerprint == BEFORE.fingerprint


def test_claims_on_no_side_do_not_change_the_fingerprint() -> None:
    others = (claim("symptom", "pain"), claim("origin", "unknown"), claim("origin", "inherited"))
    listed = claim("origin", "gene", scope=scope(sex="women"))
    assert only(Rule.values, GENE, DUST, *others[:2]).fingerprint == BEFORE.fingerprint
    assert only(Rule.values, GENE, DUST, listed).fingerprint != BEFORE.fingerprint


def changed_row(table: str, key: str, **changes: Any) -> Vocabulary:
    rows = VOCABULARY.model_dump(mode="json")[table]
    return vocabulary(**{table: [row | changes if row["key"] == key else row for row in rows]})


@pytest.mark.parametrize(
    ("claims", "changed"),
    [
        ((GENE, DUST), changed_row("policies", "competing", sole_severity="disagreement")),
        ((GENE, DUST), changed_row("questions", "origin", policy="single")),
        (
            (claim("cure", "unknown"), claim("material", "keratin")),
            changed_row("questions", "cure", covers=["material", "origin"]),
        ),
        (
            (claim("option", "light"), claim("origin", "light")),
            changed_row("opposed", "treats-causes", reason="Another reason."),
        ),
        (
            (claim("kind", "inherited"), claim("origin", "exposure")),
            changed_row("exclusions", "inherited-exposure", severity="disagreement"),
        ),
        (
            (
                claim("frequency", "rare", scope=scope(severity="mild")),
                claim("frequency", "common", scope=scope(severity="severe")),
                claim("frequency", "everywhere"),
            ),
            changed_row("disjoint", "severity", reason="Another reason."),
        ),
    ],
)
def test_a_changed_vocabulary_row_changes_the_fingerprint(
    claims: tuple[Claim, ...],
    changed: Vocabulary,
) -> None:
    (before,) = compute(*claims).conflicts
    (after,) = compute(*claims, words=changed).conflicts
    assert before.key == after.key
    assert before.fingerprint != after.fingerprint


def test_a_changed_row_that_was_not_used_does_not_change_the_fingerprint() -> None:
    changed = changed_row("disjoint", "severity", reason="Another reason.")
    (after,) = compute(GENE, DUST, words=changed).conflicts
    assert after.fingerprint == BEFORE.fingerprint
