"""The rule ``frequency``."""

import pytest

from app.vocabulary import Frequency, Rule, Severity
from tests.conflicts.builders import citation, cited, claim, compute, only, scope

ALWAYS, USUALLY, UNSPECIFIED, SOMETIMES, RARELY = Frequency


@pytest.mark.parametrize("often", [ALWAYS, USUALLY])
@pytest.mark.parametrize("denied", [True, False])
def test_rarely_disagrees_with_usually_and_always_in_one_claim(
    often: Frequency,
    *,
    denied: bool,
) -> None:
    itching = claim(
        "symptom", "itching", citation(frequency=RARELY), citation(frequency=often), denied=denied
    )
    conflict = only(Rule.frequency, itching)
    assert conflict.severity is Severity.disagreement
    assert compute(itching).severities[itching.id] is Severity.disagreement


@pytest.mark.parametrize("other", [UNSPECIFIED, SOMETIMES, RARELY])
def test_rarely_stands_beside_the_other_frequencies(other: Frequency) -> None:
    itching = claim("symptom", "itching", citation(frequency=RARELY), citation(frequency=other))
    assert not compute(itching).conflicts


def test_sometimes_stands_beside_always() -> None:
    itching = claim("symptom", "itching", citation(frequency=SOMETIMES), citation(frequency=ALWAYS))
    assert not compute(itching).conflicts


def test_two_claims_are_not_compared_by_frequency() -> None:
    assert not compute(
        claim("symptom", "itching", citation(frequency=RARELY)),
        claim("symptom", "itching", citation(frequency=ALWAYS), scope=scope(sex="women")),
    ).conflicts


def test_the_sides_are_the_citations_of_the_claim() -> None:
    itching = claim(
        "symptom",
        "itching",
        citation("third", at=3, frequency=RARELY),
        citation("first", at=1, frequency=ALWAYS),
        citation("second", at=2, frequency=USUALLY),
        citation("fourth", at=4),
    )
    conflict = only(Rule.frequency, itching)
    assert [side.passages for side in conflict.sides] == [("first", "second"), ("third",)]
    assert [side.claims for side in conflict.sides] == [(itching.id,), (itching.id,)]
    assert [side.label for side in conflict.sides] == [
        "itching (usually or always)",
        "itching (rarely)",
    ]


def test_two_suspicions_are_a_tension() -> None:
    itching = claim(
        "symptom",
        "itching",
        citation(frequency=RARELY, suspected=True),
        citation(frequency=ALWAYS, suspected=True),
    )
    assert only(Rule.frequency, itching).severity is Severity.tension


def test_a_citation_of_neither_side_is_not_among_what_the_conflict_rests_on() -> None:
    itching = claim("symptom", "itching", citation(frequency=RARELY), citation(frequency=ALWAYS))
    more = cited(itching, citation(frequency=SOMETIMES))
    before, after = only(Rule.frequency, itching), only(Rule.frequency, more)
    assert before == after


def test_each_scope_of_a_claim_has_its_own_conflict() -> None:
    claims = [
        claim(
            "symptom",
            "itching",
            citation(frequency=RARELY),
            citation(frequency=ALWAYS),
            scope=where,
        )
        for where in (scope(), scope(severity="mild"), scope(age_low=3))
    ]
    keys = [conflict.key for conflict in compute(*claims).conflicts]
    assert keys[0] == "frequency/symptom/itching/affirms"
    assert len(set(keys)) == 3
