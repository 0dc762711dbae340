"""Only the claims in reach of a conflict are compared, and that changes nothing."""

from collections import defaultdict

from hypothesis import given, settings

from app.conflicts import Claim, Concepts
from app.conflicts.reach import Answers, questions_in_reach, stands_out
from tests.conflicts.builders import BROADER, VOCABULARY, compute
from tests.conflicts.strategies import claim_lists


def in_reach(claims: list[Claim]) -> set[str]:
    answers: defaultdict[str, Answers] = defaultdict(Answers)
    for claim in claims:
        given = answers[claim.question]
        if claim.concept is not None:
            given.concepts.add(claim.concept)
        said = {citation.frequency for citation in claim.citations}
        given.stand_out |= stands_out(claim.polarity, claim.concept, said, VOCABULARY)
    return questions_in_reach(answers, VOCABULARY, Concepts(BROADER))


@settings(max_examples=300, deadline=None)
@given(claim_lists)
def test_conflicts_are_the_same_without_what_is_out_of_reach(claims: list[Claim]) -> None:
    reached = in_reach(claims)

    left = compute(*(claim for claim in claims if claim.question in reached))

    whole = compute(*claims)
    assert left.conflicts == whole.conflicts
    assert left.severities.items() <= whole.severities.items()
