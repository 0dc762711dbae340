"""Laws that hold for any claims (design.md section 2)."""

import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.conflicts import Citation, Claim, Conflict, Result
from app.vocabulary import Frequency, Polarity, Rule, Severity
from tests.conflicts.builders import compute
from tests.conflicts.strategies import PASSAGES, citations, claim_lists

laws = settings(max_examples=100, deadline=None)


def severity_of(key: str, result: Result) -> Severity:
    found = {conflict.key: conflict.severity for conflict in result.conflicts}
    return found.get(key, Severity.none)


def keeping(claims: list[Claim], keeps: Callable[[Claim, Citation], bool]) -> list[Claim]:
    """The claims with only some of their citations."""
    return [
        replace(claim, citations=tuple(one for one in claim.citations if keeps(claim, one)))
        for claim in claims
    ]


def without_passage(passage: str, claims: list[Claim]) -> list[Claim]:
    return keeping(claims, lambda _claim, citation: citation.passage != passage)


@laws
@given(claim_lists, st.integers())
def test_the_order_of_claims_and_citations_does_not_matter(claims: list[Claim], seed: int) -> None:
    chance = random.Random(seed)
    shuffled = [
        replace(claim, citations=tuple(chance.sample(claim.citations, len(claim.citations))))
        for claim in chance.sample(claims, len(claims))
    ]
    assert compute(*shuffled) == compute(*claims)


@laws
@given(claim_lists)
def test_keys_are_unique_and_sorted(claims: list[Claim]) -> None:
    keys = [conflict.key for conflict in compute(*claims).conflicts]
    assert keys == sorted(set(keys))


@laws
@given(claim_lists)
def test_affirmed_claims_on_open_questions_add_no_rival_answers(claims: list[Claim]) -> None:
    rest = [
        claim
        for claim in claims
        if claim.question not in {"symptom", "option", "kind"} or claim.polarity is Polarity.denies
    ]
    rivals, without = (
        [conflict for conflict in compute(*some).conflicts if conflict.rule is Rule.values]
        for some in (claims, rest)
    )
    assert rivals == without


@laws
@given(claim_lists)
def test_a_conflict_closes_when_one_side_is_left(claims: list[Claim]) -> None:
    for conflict in compute(*claims).conflicts:
        for side in conflict.sides:
            left = with_only_side(side.label, side.claims, conflict, claims)
            assert severity_of(conflict.key, compute(*left)) is Severity.none


def with_only_side(
    label: str,
    of_side: tuple[str, ...],
    conflict: Conflict,
    claims: list[Claim],
) -> list[Claim]:
    if conflict.rule is Rule.frequency:
        often = {Frequency.usually, Frequency.always}
        gone = often if label.endswith("(rarely)") else {Frequency.rarely}
        return keeping(
            claims,
            lambda claim, one: claim.id not in of_side or one.frequency not in gone,
        )
    all_of_conflict = {claim for side in conflict.sides for claim in side.claims}
    return [claim for claim in claims if claim.id in of_side or claim.id not in all_of_conflict]


@laws
@given(claim_lists.filter(bool), citations, st.data())
def test_a_further_citation_never_lowers_a_severity(
    claims: list[Claim],
    further: Citation,
    data: st.DataObject,
) -> None:
    chosen = data.draw(st.sampled_from(claims))
    more = [
        replace(claim, citations=(*claim.citations, further)) if claim is chosen else claim
        for claim in claims
    ]
    before, after = compute(*claims), compute(*more)
    for claim, severity in before.severities.items():
        assert after.severities[claim].rank >= severity.rank
    for conflict in before.conflicts:
        assert severity_of(conflict.key, after).rank >= conflict.severity.rank


@laws
@given(claim_lists)
def test_a_further_citation_with_the_same_hedging_is_only_drift(claims: list[Claim]) -> None:
    more = [
        replace(
            claim,
            citations=(
                *claim.citations,
                *(
                    replace(one, id=f"again-{one.id}", passage="new", document="new", order=(-1,))
                    for one in claim.citations
                ),
            ),
        )
        for claim in claims
    ]
    before, after = compute(*claims), compute(*more)
    assert after.severities == before.severities
    for old, new in zip(before.conflicts, after.conflicts, strict=True):
        assert (new.key, new.fingerprint) == (old.key, old.fingerprint)
        assert len(new.basis) == 2 * len(old.basis)


@laws
@given(claim_lists)
def test_other_ids_change_nothing_but_the_ids(claims: list[Claim]) -> None:
    # In descending order, so that an id that decided anything would decide it differently.
    renamed = [
        replace(
            claim,
            id=f"{99 - place:02}-{claim.id}",
            citations=tuple(
                replace(one, id=f"{99 - number:02}-{one.id}")
                for number, one in enumerate(claim.citations)
            ),
        )
        for place, claim in enumerate(claims)
    ]
    names = {new.id: old.id for new, old in zip(renamed, claims, strict=True)}
    result = compute(*renamed)
    assert compute(*claims) == Result(
        tuple(with_names(conflict, names) for conflict in result.conflicts),
        {names[claim]: severity for claim, severity in result.severities.items()},
    )


def with_names(conflict: Conflict, names: dict[str, str]) -> Conflict:
    sides = (
        replace(side, claims=tuple(names[claim] for claim in side.claims))
        for side in conflict.sides
    )
    return replace(
        conflict,
        sides=tuple(sides),
        compatible=tuple(names[claim] for claim in conflict.compatible),
        scope_explained=tuple(
            (names[one], names[other]) for one, other in conflict.scope_explained
        ),
        basis=tuple(sorted(citation.split("-")[1] for citation in conflict.basis)),
        severities=tuple((names[claim], severity) for claim, severity in conflict.severities),
    )


@laws
@given(claim_lists)
def test_a_conflict_needs_its_pivotal_passages_and_no_other(claims: list[Claim]) -> None:
    before = compute(*claims)
    for passage in PASSAGES:
        after = compute(*without_passage(passage, claims))
        for conflict in before.conflicts:
            left = severity_of(conflict.key, after)
            holds = left.is_conflict if conflict.severity.is_conflict else left.rank > 0
            assert holds == (passage not in conflict.pivotal)


@laws
@given(claim_lists)
def test_a_conflict_agrees_with_itself(claims: list[Claim]) -> None:
    result = compute(*claims)
    for conflict in result.conflicts:
        ranks = [clash.severity.rank for clash in conflict.clashes]
        assert conflict.severity.rank == max(ranks) > 0
        assert {place for clash in conflict.clashes for place in clash.sides} == set(
            range(len(conflict.sides)),
        )
        on_sides = {claim for side in conflict.sides for claim in side.claims}
        assert not on_sides & set(conflict.compatible)
        assert all(result.severities[claim].rank for claim in on_sides)
        assert dict(conflict.severities).keys() == on_sides
        assert max(severity.rank for _, severity in conflict.severities) == max(ranks)
        assert conflict.explanation.endswith(".")
