"""Which claims can be in a conflict at all, before any is compared: most cannot.

And which conflicts a change of some claims can reach: most it cannot.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from app.conflicts.concepts import Concepts
from app.vocabulary import Frequency, Polarity, Rule, Vocabulary


@dataclass(slots=True)
class Answers:
    """What the claims of one condition answer to one question.

    ``stand_out``: whether any of them does.
    """

    concepts: set[str] = field(default_factory=set)
    stand_out: bool = False


def stands_out(
    polarity: Polarity,
    concept: str | None,
    frequencies: Collection[Frequency],
    vocabulary: Vocabulary,
) -> bool:
    """Whether a claim can clash whatever the policy of its question is.

    A denial, "unknown", or one that citations say to hold both rarely and often.
    """
    return (
        polarity is Polarity.denies
        or concept == vocabulary.unknown_concept
        or (Frequency.rarely in frequencies and len(set(frequencies)) > 1)
    )


def questions_in_reach(
    answers: Mapping[str, Answers],
    vocabulary: Vocabulary,
    concepts: Concepts,
) -> set[str]:
    """The questions of one condition whose claims have to be compared.

    Without the claims of the other questions, its conflicts are the same.
    """
    found = set()
    for key, given in answers.items():
        question = vocabulary.question_by_key[key]
        policy = vocabulary.policy_by_key[question.policy]
        if given.stand_out:
            found |= {key, *question.covers}
        elif policy.severity is not None or policy.sole_severity is not None:
            found.add(key)
    for opposed in vocabulary.opposed:
        one, other = (answers.get(key) for key in opposed.questions)
        if one and other and _are_related(one.concepts, other.concepts, concepts):
            found |= set(opposed.questions)
    for exclusion in vocabulary.exclusions:
        sides = exclusion.sides
        if all(side.question in answers for side in sides) and all(
            side.concept in _broader(answers[side.question].concepts, concepts) for side in sides
        ):
            found |= {side.question for side in sides}
    return found & answers.keys()


def questions_beside(touched: Collection[str], vocabulary: Vocabulary) -> set[str]:
    """The questions whose claims tell what becomes of the conflicts about touched ones.

    A conflict is made of the claims of the questions that its rule looks at together, and of
    no others. So what a change can do lies in the sets of questions that a touched one is in.
    """
    found = set(touched)
    for together in _looked_at_together(vocabulary):
        if not together.isdisjoint(touched):
            found |= together
    return found & vocabulary.question_by_key.keys()


def questions_of(
    rule: Rule,
    question: str,
    of_sides: Iterable[str],
    vocabulary: Vocabulary,
) -> set[str]:
    """The questions whose claims a conflict is made of, also where none is on a side.

    ``question`` and ``of_sides``, the questions of its sides, as the conflict has them.
    """
    found = {question, *of_sides}
    if rule is Rule.known_unknown:
        found.update(vocabulary.question_by_key[question].covers)
    return found


def _looked_at_together(vocabulary: Vocabulary) -> Iterator[set[str]]:
    """The questions of each contest that has several of them."""
    for question in vocabulary.questions:
        if question.covers:
            yield {question.key, *question.covers}
    for opposed in vocabulary.opposed:
        yield set(opposed.questions)
    for exclusion in vocabulary.exclusions:
        yield {side.question for side in exclusion.sides}


def _are_related(one: set[str], other: set[str], concepts: Concepts) -> bool:
    return not (
        one.isdisjoint(_broader(other, concepts)) and other.isdisjoint(_broader(one, concepts))
    )


def _broader(keys: set[str], concepts: Concepts) -> set[str]:
    return set(chain.from_iterable(map(concepts.with_broader, keys)))
