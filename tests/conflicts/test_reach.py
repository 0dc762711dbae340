"""Only the claims in reach of a conflict, or of a change, are compared; that changes nothing."""

from collections import defaultdict
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from app.conflicts import Citation, Claim, Concepts, Conflict, Result
from app.conflicts.reach import (
    Answers,
    questions_beside,
    questions_in_reach,
    questions_of,
    stands_out,
)
from app.vocabulary import Frequency, Polarity
from tests.conflicts.builders import BROADER, VOCABULARY, claim, compute, vocabulary
from tests.conflicts.strategies import PASSAGES, claim_lists, renumbered

# What the rules that look at several questions look at, so that most claims meet another.
MEETING = {
    "cure": ("unknown", "therapy"),
    "material": ("unknown", "keratin"),
    "origin": ("gene", "exposure", "uv-light", "unknown"),
    "option": ("uv-light", "exposure"),
    "kind": ("inherited", "painless"),
    "symptom": ("numbness",),
}
# One unknown answer leaves several questions unanswered, as in the product's vocabulary.
WORDS = vocabulary(
    questions=[
        row.model_dump(mode="json") | ({"covers": ["cure", "material"]} if row.covers else {})
        for row in VOCABULARY.questions
    ],
)
answers = st.sampled_from([(key, value) for key, values in MEETING.items() for value in values])
plain_citations = st.builds(
    Citation,
    id=st.just(""),
    passage=st.sampled_from(PASSAGES),
    document=st.just("d0"),
    order=st.tuples(st.integers(0, 5)),
    frequency=st.sampled_from([Frequency.unspecified, Frequency.rarely, Frequency.always]),
)


@st.composite
def meeting_claims(draw: st.DrawFn) -> Claim:
    question, value = draw(answers)
    return Claim(
        id="",
        question=question,
        label=value,
        concept=value,
        subject=draw(st.sampled_from([None, None, None, "scars"])),
        polarity=draw(st.sampled_from([Polarity.affirms, Polarity.affirms, Polarity.denies])),
        citations=tuple(draw(st.lists(plain_citations, min_size=1, max_size=2))),
    )


meeting = st.lists(meeting_claims(), min_size=6, max_size=12).map(renumbered)


def in_reach(claims: list[Claim]) -> set[str]:
    answers: defaultdict[str, Answers] = defaultdict(Answers)
    for one in claims:
        given = answers[one.question]
        if one.concept is not None:
            given.concepts.add(one.concept)
        said = {citation.frequency for citation in one.citations}
        given.stand_out |= stands_out(one.polarity, one.concept, said, VOCABULARY)
    return questions_in_reach(answers, VOCABULARY, Concepts(BROADER))


class Touched(NamedTuple):
    questions: set[str]
    subjects: set[str | None]


def is_about(conflict: Conflict, touched: Touched) -> bool:
    of_sides = (side.question for side in conflict.sides)
    made_of = questions_of(conflict.rule, conflict.question, of_sides, WORDS)
    return conflict.subject in touched.subjects and not made_of.isdisjoint(touched.questions)


def about(touched: Touched, result: Result) -> list[Conflict]:
    return [conflict for conflict in result.conflicts if is_about(conflict, touched)]


def not_about(touched: Touched, result: Result) -> list[Conflict]:
    return [conflict for conflict in result.conflicts if not is_about(conflict, touched)]


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[Claim], list[Claim]]:
    """Claims before and after a change of a few of them: gone, new, saying or cited otherwise."""
    before, others = draw(meeting), draw(meeting)
    after = []
    for one in before:
        change = draw(st.sampled_from(["none", "none", "none", "none", "gone", "says", "cited"]))
        if change == "says" and others:
            after.append(replace(others.pop(), id=one.id))
        elif change == "cited":
            cited = draw(st.lists(plain_citations, max_size=2))
            [again] = renumbered([replace(one, citations=tuple(cited))], prefix=f"{one.id}-")
            after.append(replace(again, id=one.id))
        elif change != "gone":
            after.append(one)
    new = draw(st.integers(0, 2))
    return before, [*after, *renumbered(others[:new], prefix="new-")]


def touched_by(before: list[Claim], after: list[Claim]) -> Touched:
    """What changed claims answered before or after, and about what."""
    same = {one for one in before if one in after}
    changed = [one for one in (*before, *after) if one not in same]
    return Touched({one.question for one in changed}, {one.subject for one in changed})


@settings(max_examples=300, deadline=None)
@given(claim_lists)
def test_conflicts_are_the_same_without_what_is_out_of_reach(claims: list[Claim]) -> None:
    reached = in_reach(claims)

    left = compute(*(claim for claim in claims if claim.question in reached))

    whole = compute(*claims)
    assert left.conflicts == whole.conflicts
    assert left.severities.items() <= whole.severities.items()


@settings(max_examples=100, deadline=None)
@given(changes())
def test_a_change_reaches_no_conflict_that_is_not_about_what_it_touches(
    change: tuple[list[Claim], list[Claim]],
) -> None:
    before, after = change
    touched = touched_by(before, after)

    then, now = compute(*before, words=WORDS), compute(*after, words=WORDS)

    assert not_about(touched, now) == not_about(touched, then)


@settings(max_examples=100, deadline=None)
@given(meeting)
def test_conflicts_about_questions_are_made_of_the_claims_beside_them(
    claims: list[Claim],
) -> None:
    whole = compute(*claims, words=WORDS)
    for question, subject in product(MEETING, (None, "scars")):
        beside = questions_beside({question}, WORDS)

        near = [one for one in claims if one.question in beside and one.subject == subject]
        part = compute(*near, words=WORDS, about={question})

        assert list(part.conflicts) == about(Touched({question}, {subject}), whole)


def test_a_question_stands_alone_where_nothing_is_said_of_it_with_another() -> None:
    assert questions_beside({"rate"}, VOCABULARY) == {"rate"}


def test_questions_that_one_conflict_can_be_about_are_beside_each_other() -> None:
    assert questions_beside({"material"}, VOCABULARY) == {"material", "cure"}
    assert questions_beside({"option"}, VOCABULARY) == {"option", "origin"}
    assert questions_beside({"symptom"}, VOCABULARY) == {"symptom", "kind"}


def test_a_question_that_is_no_more_is_beside_none() -> None:
    assert questions_beside({"asked before"}, VOCABULARY) == set()


def test_a_conflict_about_what_is_unknown_is_also_about_answers_that_left_it() -> None:
    unknown, known = claim("cure", "unknown"), claim("material", "keratin")

    [conflict] = compute(unknown, known).conflicts

    assert questions_of(conflict.rule, conflict.question, (), VOCABULARY) == {"cure", "material"}
