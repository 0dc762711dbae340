"""Whether claims about different cases clash."""

import pytest

from app.conflicts import Claim, Scope
from app.vocabulary import Rule, Severity
from tests.conflicts.builders import claim, compute, conflicts, only, scope


def two(one: Scope, other: Scope) -> tuple[Claim, Claim]:
    return claim("frequency", "rare", scope=one), claim("frequency", "common", scope=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scope(), scope()),
        (scope(severity="mild"), scope(severity="mild")),
        (scope(severity="mild"), scope(severity="very-mild")),
        (scope(population="infants"), scope(population="children")),
        (scope(population="teenagers"), scope(population="adults")),
        (scope(age_low=0, age_high=3), scope(age_low=0, age_high=3)),
        (scope(age_low=0, age_high=18), scope(age_low=2, age_high=3)),
        (scope(age_low=0, age_high=18), scope(age_low=12, age_high=30)),
        (scope(age_low=0, age_high=18), scope(age_low=18)),
    ],
)
def test_equal_nested_and_overlapping_scopes_are_compared(one: Scope, other: Scope) -> None:
    (clash,) = only(Rule.values, *two(one, other)).clashes
    assert (clash.severity, clash.reasons) == (Severity.contradiction, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scope(severity="mild"), scope()),
        (scope(age_low=18), scope()),
        (scope(severity="mild"), scope(severity="moderate")),
        (scope(sex="women"), scope(sex="men")),
        (scope(population="infants"), scope(population="teenagers")),
        (scope(subtype="mild"), scope(subtype="severe")),
        (scope(severity="mild"), scope(population="adults")),
        (scope(population="adults"), scope(age_high=12)),
        (scope(severity="mild", sex="women"), scope(severity="mild")),
    ],
)
def test_anything_else_is_compared_and_marked_uncertain(one: Scope, other: Scope) -> None:
    (clash,) = only(Rule.values, *two(one, other)).clashes
    assert (clash.severity, clash.reasons) == (Severity.disagreement, ("scope_uncertain",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scope(severity="mild"), scope(severity="severe")),
        (scope(severity="very-mild"), scope(severity="severe")),
        (scope(population="infants"), scope(population="adults")),
        (scope(age_high=12), scope(age_low=18)),
        (scope(severity="mild", sex="women"), scope(severity="severe")),
        (scope(severity="mild", age_low=3), scope(severity="severe", age_low=4)),
        (scope(age_high=12, sex="women"), scope(age_low=18, sex="men")),
    ],
)
def test_one_disjoint_part_keeps_claims_from_clashing(one: Scope, other: Scope) -> None:
    result = compute(*two(one, other))
    assert not result.conflicts
    assert set(result.severities.values()) == {Severity.none}


def test_a_conflict_tells_which_pairs_only_their_scopes_keep_apart() -> None:
    rare, common = two(scope(severity="mild"), scope(severity="severe"))
    everywhere = claim("frequency", "everywhere", scope=scope(severity="mild"))
    conflict = only(Rule.values, rare, everywhere, common)
    assert conflict.scope_explained == ((rare.id, common.id), (common.id, everywhere.id))
    assert [side.label for side in conflict.sides] == ["rare", "everywhere"]


def test_scopes_of_pairs_that_could_not_clash_explain_nothing() -> None:
    mild, severe = scope(severity="mild"), scope(severity="severe")
    conflict = only(
        Rule.values,
        claim("frequency", "rare", scope=mild),
        claim("frequency", "common", scope=mild),
        claim("frequency", "rare", scope=severe),
    )
    assert len(conflict.scope_explained) == 1
    assert len(conflict.sides[0].claims) == 1


def test_a_disjoint_scope_keeps_every_rule_from_clashing() -> None:
    mild, severe = scope(severity="mild"), scope(severity="severe")
    assert not compute(
        claim("symptom", "pain", denied=True, scope=mild),
        claim("symptom", "pain", scope=severe),
        claim("rate", "unknown", scope=mild),
        claim("rate", words="often", scope=severe),
        claim("option", "exposure", scope=mild),
        claim("kind", "inherited", scope=mild),
        claim("origin", "exposure", scope=severe),
        claim("origin", "gene", scope=mild),
    ).conflicts


def test_the_order_of_scope_parts_does_not_matter() -> None:
    parts = scope(sex="women", severity="mild").parts
    assert Scope(parts) == Scope(tuple(reversed(parts)))


def test_claims_of_one_value_and_different_scopes_share_a_side() -> None:
    rare = [claim("frequency", "rare", scope=where) for where in (scope(), scope(sex="women"))]
    (conflict,) = conflicts(Rule.values, *rare, claim("frequency", "common"))
    assert conflict.sides[0].claims == tuple(one.id for one in rare)
