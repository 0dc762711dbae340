"""The rule ``polarity``."""

from itertools import product

import pytest

from app.conflicts import Quantity
from app.vocabulary import Frequency, Rule, Severity
from tests.conflicts.builders import citation, claim, compute, conflicts, only

ALWAYS, USUALLY, UNSPECIFIED, SOMETIMES, RARELY = Frequency

TABLE = {
    **dict.fromkeys(
        product((ALWAYS, UNSPECIFIED), (ALWAYS, USUALLY, UNSPECIFIED)),
        Severity.contradiction,
    ),
    **dict.fromkeys(
        product((ALWAYS, UNSPECIFIED), (SOMETIMES, RARELY)),
        Severity.disagreement,
    ),
    **dict.fromkeys(product((USUALLY,), (ALWAYS, USUALLY, UNSPECIFIED)), Severity.disagreement),
    **dict.fromkeys(product((USUALLY,), (SOMETIMES, RARELY)), Severity.tension),
    **dict.fromkeys(product((SOMETIMES, RARELY), (ALWAYS,)), Severity.disagreement),
    **dict.fromkeys(product((SOMETIMES, RARELY), (USUALLY, UNSPECIFIED)), Severity.tension),
    **dict.fromkeys(product((SOMETIMES, RARELY), (SOMETIMES, RARELY)), Severity.none),
}


@pytest.mark.parametrize(("denial", "affirmation"), list(TABLE))
def test_how_often_decides_how_strongly_a_denial_clashes(
    denial: Frequency,
    affirmation: Frequency,
) -> None:
    denying = claim("symptom", "pain", citation(frequency=denial), denied=True)
    affirming = claim("symptom", "pain", citation(frequency=affirmation))
    severities = compute(denying, affirming).severities
    assert set(severities.values()) == {TABLE[denial, affirmation]}


def test_denying_a_value_denies_narrower_ones() -> None:
    denying = claim("symptom", "gene", denied=True)
    conflict = only(Rule.polarity, denying, claim("symptom", "keratin-gene"))
    assert conflict.severity is Severity.contradiction


def test_denying_a_value_does_not_deny_broader_ones() -> None:
    denying = claim("symptom", "keratin-gene", denied=True)
    assert not compute(denying, claim("symptom", "gene")).conflicts


def test_each_denied_value_has_its_own_conflict() -> None:
    found = conflicts(
        Rule.polarity,
        claim("symptom", "gene", denied=True),
        claim("symptom", "inherited", denied=True),
        claim("symptom", "keratin-gene"),
    )
    assert [conflict.key for conflict in found] == [
        "polarity/symptom/gene",
        "polarity/symptom/inherited",
    ]


def test_all_narrower_values_affirmed_are_sides_of_one_conflict() -> None:
    conflict = only(
        Rule.polarity,
        claim("symptom", "gene", denied=True),
        claim("symptom", "keratin-gene"),
        claim("symptom", "collagen-gene"),
    )
    assert [side.label for side in conflict.sides] == ["gene", "keratin-gene", "collagen-gene"]
    assert [clash.sides for clash in conflict.clashes] == [(0, 1), (0, 2)]


def test_an_answer_to_another_question_is_not_denied() -> None:
    assert not compute(claim("symptom", "pain", denied=True), claim("option", "pain")).conflicts


def test_an_equal_quantity_is_denied() -> None:
    denying = claim("rate", Quantity(2, 3, "%"), denied=True)
    assert conflicts(Rule.polarity, denying, claim("rate", Quantity(2.0, 3.0, "%")))


@pytest.mark.parametrize("other", [Quantity(2, 4, "%"), Quantity(2, 3, "mm")])
def test_another_quantity_is_not_denied(other: Quantity) -> None:
    denying = claim("rate", Quantity(2, 3, "%"), denied=True)
    assert not compute(denying, claim("rate", other)).conflicts


def test_a_vague_amount_is_never_compared() -> None:
    few = Quantity(None, None, "%")
    assert not compute(
        claim("rate", few, label="a few", denied=True),
        claim("rate", few, label="a few"),
    ).conflicts


def test_equal_words_are_denied_whatever_their_case_and_spacing() -> None:
    denying = claim("symptom", words="It  Hurts", denied=True)
    assert conflicts(Rule.polarity, denying, claim("symptom", words=" it hurts\n"))


def test_other_words_are_not_denied() -> None:
    denying = claim("symptom", words="It hurts", denied=True)
    assert not compute(denying, claim("symptom", words="It itches")).conflicts


def test_the_kinds_of_values_do_not_mix() -> None:
    assert not compute(
        claim("symptom", "pain", denied=True),
        claim("symptom", words="pain"),
    ).conflicts
