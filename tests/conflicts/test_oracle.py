"""The severities again, by a loop over all pairs of claims and citations."""

from itertools import combinations, product

from hypothesis import given, settings

from app.conflicts import Citation, Claim, Quantity, Scope
from app.vocabulary import ScopePart, Severity
from tests.conflicts.builders import BROADER, VOCABULARY, compute
from tests.conflicts.strategies import claim_lists

NONE, TENSION, DISAGREEMENT, CONTRADICTION = Severity
SOME = {"sometimes", "rarely"}


def is_within(key: str, other: str, seen: frozenset[str] = frozenset()) -> bool:
    return key == other or any(
        is_within(broader, other, seen | {key})
        for broader in BROADER.get(key, [])
        if broader not in seen
    )


def related(key: str, other: str) -> bool:
    return is_within(key, other) or is_within(other, key)


def bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return -1e9 if low is None else low, 1e9 if high is None else high


def apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def scope_verdict(one: Scope, other: Scope) -> str:
    verdicts = set()
    parts, others = dict(one.parts), dict(other.parts)
    for part in ScopePart:
        here, there = parts.get(part), others.get(part)
        if here is None and there is None:
            continue
        if here is None or there is None:
            verdicts.add("uncertain")
        elif not related(here, there):
            disjoint = any(
                is_within(here, value) and is_within(there, rival)
                for row in VOCABULARY.disjoint
                if row.part is part
                for value, rival in product(row.values, repeat=2)
                if value != rival
            )
            verdicts.add("disjoint" if disjoint else "uncertain")
    ages, other_ages = (one.age_low, one.age_high), (other.age_low, other.age_high)
    if (ages == (None, None)) != (other_ages == (None, None)):
        verdicts.add("uncertain")
    elif apart(bounds(*ages), bounds(*other_ages)):
        verdicts.add("disjoint")
    return next((verdict for verdict in ("disjoint", "uncertain") if verdict in verdicts), "fine")


def values_differ(one: Claim, other: Claim) -> bool:
    if one.concept and other.concept:
        return "unknown" not in {one.concept, other.concept} and not related(
            one.concept,
            other.concept,
        )
    if one.quantity and other.quantity:
        ranges = [bounds(item.low, item.high) for item in (one.quantity, other.quantity)]
        return one.quantity.unit == other.quantity.unit and apart(*ranges)
    return False


def is_ruled_out(denial: Claim, affirmation: Claim) -> bool:
    if denial.concept and affirmation.concept:
        return is_within(affirmation.concept, denial.concept)
    if denial.words and affirmation.words:
        return denial.words.lower().split() == affirmation.words.lower().split()
    return denial.quantity == affirmation.quantity not in {None, Quantity(None, None, "%")}


def base_severity(one: Claim, other: Claim, a: Citation, b: Citation) -> Severity:
    """Of one before the other, the highest of all rules."""
    if one.polarity == "denies":
        ruled_out = other.polarity == "affirms" and is_ruled_out(one, other)
        same_question = one.question == other.question
        return denial_severity(a.frequency, b.frequency) if ruled_out and same_question else NONE
    if other.polarity == "denies":
        return NONE
    return max(
        rival_severity(one, other, a, b),
        unknown_severity(one, other, a, b),
        severity_of_roles(one, other),
        key=lambda severity: severity.rank,
    )


def rival_severity(one: Claim, other: Claim, a: Citation, b: Citation) -> Severity:
    policy = VOCABULARY.question_by_key[one.question].policy
    listed = a.exclusivity == b.exclusivity == "one_of_several"
    if policy == "open" or one.question != other.question or listed:
        return NONE
    if not values_differ(one, other):
        return NONE
    sole = "sole" in {a.exclusivity, b.exclusivity}
    strong = policy == "single" or (policy == "competing" and sole)
    return CONTRADICTION if strong else DISAGREEMENT


def unknown_severity(one: Claim, other: Claim, a: Citation, b: Citation) -> Severity:
    covered = VOCABULARY.question_by_key[one.question].covers or [one.question]
    is_other = other.concept is None or not related(other.concept, "unknown")
    clash = (
        one.concept == "unknown"
        and other.question in covered
        and is_other
        and a.frequency not in SOME
        and b.certainty == "asserted"
    )
    return DISAGREEMENT if clash else NONE


def severity_of_roles(one: Claim, other: Claim) -> Severity:
    if one.concept is None or other.concept is None:
        return NONE
    questions = (one.question, other.question)
    if questions == ("kind", "origin"):
        exclusive = is_within(one.concept, "inherited") and is_within(other.concept, "exposure")
        return CONTRADICTION if exclusive else NONE
    is_role = questions == ("option", "origin") and "unknown" not in {one.concept, other.concept}
    if is_role and related(one.concept, other.concept):
        return DISAGREEMENT if one.concept == other.concept else TENSION
    return NONE


def denial_severity(denial: str, affirmation: str) -> Severity:
    if denial in {"always", "unspecified"}:
        return DISAGREEMENT if affirmation in SOME else CONTRADICTION
    if denial == "usually":
        return TENSION if affirmation in SOME else DISAGREEMENT
    if affirmation == "always":
        return DISAGREEMENT
    return NONE if affirmation in SOME else TENSION


def lower(base: Severity, a: Citation, b: Citation, scope: str) -> Severity:
    results = [base]
    suspected = [a.certainty, b.certainty].count(a.certainty.suspected)
    if suspected == 2:
        results.append(TENSION)
    if suspected == 1 and base is CONTRADICTION:
        results.append(DISAGREEMENT)
    if scope == "uncertain":
        results.append(DISAGREEMENT if base is CONTRADICTION else TENSION)
    return min(results, key=lambda severity: severity.rank)


def oracle(claims: list[Claim]) -> dict[str, Severity]:
    found: dict[str, list[Severity]] = {claim.id: [NONE] for claim in claims}
    for claim in claims:
        for a, b in product(claim.citations, repeat=2):
            if a.frequency == "rarely" and b.frequency in {"usually", "always"}:
                found[claim.id].append(lower(DISAGREEMENT, a, b, "fine"))
    for pair in combinations(claims, 2):
        scope = scope_verdict(pair[0].scope, pair[1].scope)
        if pair[0].subject != pair[1].subject or scope == "disjoint":
            continue
        for one, other in (pair, pair[::-1]):
            for a, b in product(one.citations, other.citations):
                base = base_severity(one, other, a, b)
                if base is not NONE:
                    found[one.id].append(lower(base, a, b, scope))
                    found[other.id].append(lower(base, a, b, scope))
    return {
        claim: max(severities, key=lambda severity: severity.rank)
        for claim, severities in found.items()
    }


@settings(max_examples=200, deadline=None)
@given(claim_lists)
def test_the_severities_are_those_of_a_loop_over_all_pairs(claims: list[Claim]) -> None:
    assert compute(*claims).severities == oracle(claims)
