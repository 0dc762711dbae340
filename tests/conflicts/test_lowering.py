"""How doubt about the claim or its scope lowers a clash."""

import pytest

from app.conflicts import Claim, Scope
from app.vocabulary import Exclusivity, Frequency, Rule, Severity
from tests.conflicts.builders import citation, cited, claim, only, scope

MILD = scope(severity="mild")
ANY = scope()


def rare(*, suspected: bool = False, where: Scope = ANY) -> Claim:
    return claim("frequency", "rare", citation(suspected=suspected), scope=where)


def common(*, suspected: bool = False) -> Claim:
    return claim("frequency", "common", citation(suspected=suspected))


def verdict(one: Claim, other: Claim) -> tuple[Severity, tuple[str, ...]]:
    (clash,) = only(Rule.values, one, other).clashes
    return clash.severity, clash.reasons


def test_a_contradiction_with_one_side_suspected_is_a_disagreement() -> None:
    assert verdict(rare(suspected=True), common()) == (
        Severity.disagreement,
        ("one_side_suspected",),
    )


def test_a_disagreement_with_one_side_suspected_stays_one() -> None:
    hypothesis = claim("origin", "gene", citation(suspected=True))
    assert verdict(hypothesis, claim("origin", "dust")) == (Severity.disagreement, ())


def test_two_suspected_sides_are_a_tension() -> None:
    assert verdict(rare(suspected=True), common(suspected=True)) == (
        Severity.tension,
        ("both_suspected",),
    )


def test_an_uncertain_scope_takes_a_contradiction_one_step_down() -> None:
    assert verdict(rare(where=MILD), common()) == (Severity.disagreement, ("scope_uncertain",))


def test_an_uncertain_scope_takes_a_disagreement_one_step_down() -> None:
    mild = claim("origin", "gene", scope=MILD)
    assert verdict(mild, claim("origin", "dust")) == (Severity.tension, ("scope_uncertain",))


def test_lowerings_do_not_add_up() -> None:
    assert verdict(rare(suspected=True, where=MILD), common()) == (
        Severity.disagreement,
        ("one_side_suspected", "scope_uncertain"),
    )


def test_the_lowest_single_result_counts() -> None:
    assert verdict(rare(suspected=True, where=MILD), common(suspected=True)) == (
        Severity.tension,
        ("both_suspected", "scope_uncertain"),
    )


@pytest.mark.parametrize("suspected", [True, False])
def test_nothing_lowers_a_tension(*, suspected: bool) -> None:
    denying = claim(
        "symptom",
        "pain",
        citation(frequency=Frequency.usually, suspected=True),
        denied=True,
        scope=MILD,
    )
    affirming = claim(
        "symptom",
        "pain",
        citation(frequency=Frequency.rarely, suspected=suspected),
    )
    (clash,) = only(Rule.polarity, denying, affirming).clashes
    assert (clash.severity, clash.reasons) == (Severity.tension, ("scope_uncertain",))


@pytest.mark.parametrize("sources", [1, 5])
def test_counting_sources_lowers_nothing(sources: int) -> None:
    many = cited(common(), *(citation() for _ in range(sources)))
    assert verdict(rare(), many) == (Severity.contradiction, ())


def test_the_strongest_pair_of_citations_counts() -> None:
    mixed = cited(rare(suspected=True), citation())
    assert verdict(mixed, cited(common(suspected=True), citation(suspected=True))) == (
        Severity.disagreement,
        ("one_side_suspected",),
    )
    assert verdict(mixed, common()) == (Severity.contradiction, ())


def test_of_equally_strong_pairs_the_one_with_fewest_reservations_is_shown() -> None:
    scoped = claim(
        "origin",
        "gene",
        citation(exclusivity=Exclusivity.sole, suspected=True),
        scope=MILD,
    )
    plain = claim("origin", "gene")
    conflict = only(Rule.values, scoped, plain, claim("origin", "dust"))
    assert [clash.reasons for clash in conflict.clashes] == [()]


def test_a_conflict_is_as_severe_as_its_strongest_clash() -> None:
    conflict = only(
        Rule.values,
        rare(suspected=True),
        common(),
        claim("frequency", "everywhere"),
    )
    assert conflict.severity is Severity.contradiction
    assert [clash.severity for clash in conflict.clashes] == [
        Severity.disagreement,
        Severity.disagreement,
        Severity.contradiction,
    ]
