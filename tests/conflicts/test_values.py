"""The rule ``values`` and the policies that it follows."""

import pytest

from app.conflicts import Claim, Quantity
from app.vocabulary import Exclusivity, Rule, Severity
from tests.conflicts.builders import citation, claim, compute, conflicts, only, vocabulary


def test_two_values_of_a_single_question_contradict_each_other() -> None:
    conflict = only(Rule.values, claim("frequency", "rare"), claim("frequency", "common"))
    assert conflict.severity is Severity.contradiction
    assert conflict.kind == "rival_answers"


def test_two_values_of_a_competing_question_disagree() -> None:
    conflict = only(Rule.values, claim("origin", "gene"), claim("origin", "dust"))
    assert conflict.severity is Severity.disagreement


def test_a_value_called_the_only_one_contradicts_a_competing_one() -> None:
    gene = claim("origin", "gene", citation(exclusivity=Exclusivity.sole))
    conflict = only(Rule.values, gene, claim("origin", "dust"))
    assert conflict.severity is Severity.contradiction


def test_values_of_an_open_question_never_clash() -> None:
    itching = claim("symptom", "itching", citation(exclusivity=Exclusivity.sole))
    assert not compute(itching, claim("symptom", "dryness")).conflicts


def test_two_citations_that_both_list_alternatives_do_not_clash() -> None:
    gene, dust = (
        claim("origin", value, citation(exclusivity=Exclusivity.one_of_several))
        for value in ("gene", "dust")
    )
    assert not compute(gene, dust).conflicts


@pytest.mark.parametrize("other", [Exclusivity.unspecified, Exclusivity.sole])
def test_one_list_of_alternatives_does_not_excuse_the_other_side(other: Exclusivity) -> None:
    gene = claim("origin", "gene", citation(exclusivity=Exclusivity.one_of_several))
    assert conflicts(Rule.values, gene, claim("origin", "dust", citation(exclusivity=other)))


def test_one_clashing_pair_of_citations_makes_the_claims_clash() -> None:
    listed = citation(exclusivity=Exclusivity.one_of_several)
    gene = claim("origin", "gene", listed, citation())
    dust = claim("origin", "dust", citation(exclusivity=Exclusivity.one_of_several))
    assert conflicts(Rule.values, gene, dust)


@pytest.mark.parametrize("broader", ["gene", "inherited"])
def test_a_refinement_does_not_clash(broader: str) -> None:
    assert not compute(claim("origin", "keratin-gene"), claim("origin", broader)).conflicts


def test_two_values_under_one_broader_value_clash() -> None:
    assert conflicts(Rule.values, claim("origin", "keratin-gene"), claim("origin", "collagen-gene"))


def test_concepts_on_a_cycle_do_not_hang_and_do_not_clash() -> None:
    one, other = claim("origin", "one-of-a-ring"), claim("origin", "other-of-a-ring")
    assert not compute(one, other).conflicts


def test_denials_are_no_rival_answers() -> None:
    assert not compute(claim("origin", "gene", denied=True), claim("origin", "dust")).conflicts


def test_unknown_is_no_rival_answer() -> None:
    assert not conflicts(Rule.values, claim("origin", "unknown"), claim("origin", "dust"))


def test_claims_about_different_subjects_are_not_compared() -> None:
    assert not compute(
        claim("frequency", "rare", subject="irritation"),
        claim("frequency", "common"),
        claim("frequency", "unheard-of", subject="redness"),
    ).conflicts


def test_claims_about_one_subject_are_compared() -> None:
    conflict = only(
        Rule.values,
        claim("frequency", "rare", subject="irritation"),
        claim("frequency", "common", subject="irritation"),
    )
    assert conflict.subject == "irritation"


def test_a_claim_without_citations_takes_no_part() -> None:
    uncited = Claim(id="CLM0", question="frequency", label="rare", concept="rare")
    result = compute(uncited, claim("frequency", "common"))
    assert not result.conflicts
    assert result.severities["CLM0"] is Severity.none


def percent(low: float | None, high: float | None, unit: str | None = "%") -> Quantity:
    return Quantity(low, high, unit)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (percent(1, 2), percent(3, 4)),
        (percent(5, 5), percent(5.5, None)),
        (percent(None, 2), percent(3, None)),
    ],
)
def test_ranges_that_do_not_overlap_disagree(one: Quantity, other: Quantity) -> None:
    conflict = only(Rule.values, claim("rate", one), claim("rate", other))
    assert conflict.severity is Severity.disagreement


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (percent(1, 4), percent(3, 6)),
        (percent(1, 9), percent(3, 6)),
        (percent(1, 3), percent(3, 6)),
        (percent(4, None), percent(9, 9)),
        (percent(None, 4), percent(None, 1)),
        (percent(1, 2), percent(3, 4, "per year")),
        (percent(1, 2), percent(3, 4, None)),
        (percent(1, 2), percent(None, None)),
    ],
)
def test_ranges_that_overlap_or_cannot_be_compared_stand(one: Quantity, other: Quantity) -> None:
    assert not compute(claim("rate", one), claim("rate", other)).conflicts


def test_quantities_of_a_single_question_contradict_each_other_when_they_do_not_overlap() -> None:
    conflict = only(
        Rule.values,
        claim("frequency", percent(1, 2)),
        claim("frequency", percent(3, 4)),
    )
    assert conflict.severity is Severity.contradiction
    assert not compute(
        claim("frequency", percent(1, 3)),
        claim("frequency", percent(2, 4)),
    ).conflicts


def test_a_concept_is_not_compared_with_a_quantity_nor_words_with_anything() -> None:
    assert not compute(
        claim("frequency", "rare"),
        claim("frequency", percent(3, 4)),
        claim("frequency", words="Seen now and then."),
        claim("frequency", words="Seen every day."),
    ).conflicts


def test_the_severity_is_that_of_the_policy_row() -> None:
    policies = [
        {**row.model_dump(mode="json"), "severity": "tension"} for row in vocabulary().policies
    ]
    result = compute(
        claim("symptom", "itching"),
        claim("symptom", "dryness"),
        words=vocabulary(policies=policies),
    )
    assert [conflict.severity for conflict in result.conflicts] == [Severity.tension]
