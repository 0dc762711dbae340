"""The rule ``known_unknown``."""

import pytest

from app.conflicts import Quantity
from app.vocabulary import Frequency, Rule, Severity
from tests.conflicts.builders import citation, claim, compute, conflicts, only


def test_unknown_disagrees_with_an_asserted_value() -> None:
    conflict = only(Rule.known_unknown, claim("origin", "unknown"), claim("origin", "gene"))
    assert conflict.severity is Severity.disagreement
    assert conflict.key == "known_unknown/origin"


def test_a_suspected_value_never_clashes_with_unknown() -> None:
    gene = claim("origin", "gene", citation(suspected=True))
    assert not compute(claim("origin", "unknown"), gene).conflicts


def test_one_asserting_citation_is_enough_to_clash_with_unknown() -> None:
    gene = claim("origin", "gene", citation(suspected=True), citation())
    assert conflicts(Rule.known_unknown, claim("origin", "unknown"), gene)


@pytest.mark.parametrize("frequency", [Frequency.sometimes, Frequency.rarely])
def test_unknown_in_some_cases_only_does_not_clash(frequency: Frequency) -> None:
    unknown = claim("origin", "unknown", citation(frequency=frequency))
    assert not compute(unknown, claim("origin", "gene")).conflicts


def test_a_value_said_of_some_cases_clashes_with_unknown() -> None:
    gene = claim("origin", "gene", citation(frequency=Frequency.sometimes))
    assert conflicts(Rule.known_unknown, claim("origin", "unknown"), gene)


def test_a_suspected_unknown_still_disagrees() -> None:
    unknown = claim("origin", "unknown", citation(suspected=True))
    conflict = only(Rule.known_unknown, unknown, claim("origin", "gene"))
    assert conflict.severity is Severity.disagreement


def test_unknown_clashes_with_answers_to_the_questions_that_it_covers() -> None:
    conflict = only(Rule.known_unknown, claim("cure", "unknown"), claim("material", "keratin"))
    assert conflict.question == "cure"
    assert [side.question for side in conflict.sides] == ["cure", "material"]


def test_unknown_leaves_questions_that_it_does_not_cover() -> None:
    unknown = claim("cure", "unknown")
    assert not compute(unknown, claim("cure", "time"), claim("origin", "gene")).conflicts


def test_unknown_covers_its_own_question_if_no_other_is_named() -> None:
    unknown = claim("origin", "unknown")
    assert not compute(unknown, claim("material", "keratin")).conflicts


def test_unknown_does_not_clash_with_unknown_or_a_refinement_of_it() -> None:
    assert not conflicts(
        Rule.known_unknown,
        claim("cure", "unknown"),
        claim("material", "unknown"),
        claim("material", "hidden"),
    )


def test_unknown_clashes_with_quantities_and_words() -> None:
    conflict = only(
        Rule.known_unknown,
        claim("rate", "unknown"),
        claim("rate", Quantity(1, 2, "%")),
        claim("rate", Quantity(None, None, "%"), label="a few"),
        claim("rate", Quantity(None, None, "%"), label="many"),
        claim("rate", words="Hard to say, but not many."),
    )
    assert len(conflict.sides) == 5


def test_denials_do_not_clash_with_unknown() -> None:
    assert not compute(claim("origin", "unknown"), claim("origin", "gene", denied=True)).conflicts
    assert not compute(claim("origin", "unknown", denied=True), claim("origin", "gene")).conflicts
