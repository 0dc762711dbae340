"""Which stances stand against each other, one function for each rule (design.md section 2).

A rule looks at questions, values, polarity and hedges. Scope and lowering are the same for all
rules and come later, in ``gather``.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product
from typing import Any

from app.conflicts.keys import scope_parts, value_part
from app.conflicts.model import Claim
from app.conflicts.stances import Field, Hedge, Stance, Topic
from app.conflicts.values import Value, ValueKind, differ, with_broader
from app.vocabulary import (
    Certainty,
    ExclusionRow,
    ExclusionSide,
    Exclusivity,
    Frequency,
    OpposedRow,
    Polarity,
    Rule,
    Severity,
)

Base = Callable[[Hedge, Hedge], Severity]
"""The severity of two citations' clash before scope and lowering; ``none`` if they stand."""

Pair = tuple[Stance, Stance, Base]

RARELY = "rarely"
USUALLY_OR_ALWAYS = "usually or always"

_FOR_SOME = {Frequency.sometimes, Frequency.rarely}
_AS_A_RULE = {Frequency.usually, Frequency.always}


@dataclass(frozen=True, slots=True)
class Contest:
    """What may become one conflict. ``about`` follows the rule in its key.

    ``rows`` are what the rule read in the vocabulary, as JSON objects; ``row`` is the one that
    an opposed or exclusive pair comes from.
    """

    rule: Rule
    topic: Topic
    about: tuple[str, ...]
    pairs: Sequence[Pair]
    rows: tuple[dict[str, Any], ...] = ()
    row: OpposedRow | ExclusionRow | None = None


def all_contests(field: Field, about: Collection[str] | None = None) -> Iterator[Contest]:
    """With ``about`` those of which these questions are part."""
    narrowed = field if about is None else field.of_questions(about)
    for rule in (values, polarity, frequency):
        yield from rule(narrowed)
    for rule in (known_unknown, opposing_roles, exclusion):
        yield from rule(field, about)


def values(field: Field) -> Iterator[Contest]:
    """Two different values of one question, as its policy says."""
    for topic, stances in field.affirmed.items():
        policy = field.vocabulary.policy_by_key[
            field.vocabulary.question_by_key[topic.question].policy
        ]
        if policy.severity is None and policy.sole_severity is None:
            continue
        base = _base_of_policy(
            policy.severity or Severity.none,
            policy.sole_severity or Severity.none,
        )
        unknown = field.unknown
        affirmed = [
            (value, of_value)
            for value, of_value in stances.items()
            if value.is_comparable and value != unknown
        ]
        pairs = [
            (one, other, base)
            for (value, of_value), (rival, of_rival) in combinations(affirmed, 2)
            if differ(value, rival, field.concepts)
            for one, other in product(of_value, of_rival)
        ]
        if pairs:
            rows = (policy.model_dump(mode="json"),)
            yield Contest(Rule.values, topic, (topic.question,), pairs, rows)


def polarity(field: Field) -> Iterator[Contest]:
    """A value denied, and the same or a narrower one affirmed."""
    for topic, denied in field.denied.items():
        pairs: defaultdict[Value, list[Pair]] = defaultdict(list)
        for value, affirming in field.affirmed.get(topic, {}).items():
            for ruled_out in denied.keys() & set(with_broader(value, field.concepts)):
                pairs[ruled_out] += [
                    (*pair, _base_of_denial) for pair in product(denied[ruled_out], affirming)
                ]
        for value, of_value in pairs.items():
            about = (topic.question, value_part(value))
            yield Contest(Rule.polarity, topic, about, of_value)


def known_unknown(field: Field, about: Collection[str] | None = None) -> Iterator[Contest]:
    """The answer "unknown" against an asserted answer to a question that it covers."""
    for topic, affirmed in field.affirmed.items():
        if field.unknown not in affirmed:
            continue
        question = field.vocabulary.question_by_key[topic.question]
        if _is_beyond(about, (topic.question, *question.covers)):
            continue
        known = [
            stance
            for covered in question.covers or [topic.question]
            for value, stances in field.affirmed.get(Topic(topic.subject, covered), {}).items()
            if value.kind is not ValueKind.concept or differ(value, field.unknown, field.concepts)
            for stance in stances
        ]
        pairs = [
            (one, other, _base_of_unknown) for one, other in product(affirmed[field.unknown], known)
        ]
        if pairs:
            rows = ({"key": question.key, "covers": question.covers},)
            yield Contest(Rule.known_unknown, topic, (topic.question,), pairs, rows)


def frequency(field: Field) -> Iterator[Contest]:
    """One claim said to hold rarely by one citation, usually or always by another."""
    for topic, stance in field.stances():
        pairs = [
            _pair_within(claim, stance)
            for claim in stance.claims
            if _is_said_rarely_and_often(claim)
        ]
        if pairs:
            about = (
                topic.question,
                value_part(stance.value),
                stance.side.polarity,
                *scope_parts(stance.scope),
            )
            yield Contest(Rule.frequency, topic, about, pairs)


def opposing_roles(field: Field, about: Collection[str] | None = None) -> Iterator[Contest]:
    """Equal or nested concepts in two questions that the vocabulary declares opposed."""
    rows = [row for row in field.vocabulary.opposed if not _is_beyond(about, row.questions)]
    for row, subject in product(rows, field.subjects if rows else ()):
        one, other = (
            _concepts(field.affirmed.get(Topic(subject, question), {}), field)
            for question in row.questions
        )
        pairs: defaultdict[str, list[Pair]] = defaultdict(list)
        for key, rival in _related(one, other, field):
            narrower = _narrower(key, rival, field)
            base = _disagreement if key == rival else _tension
            pairs[narrower] += [(*pair, base) for pair in product(one[key], other[rival])]
        for key, of_concept in pairs.items():
            yield Contest(
                Rule.opposing_roles,
                Topic(subject, row.questions[0]),
                (row.key, key),
                of_concept,
                (row.model_dump(mode="json"),),
                row,
            )


def exclusion(field: Field, about: Collection[str] | None = None) -> Iterator[Contest]:
    """Two claims that a vocabulary row calls exclusive."""
    rows = [
        row
        for row in field.vocabulary.exclusions
        if not _is_beyond(about, [side.question for side in row.sides])
    ]
    for row, subject in product(rows, field.subjects if rows else ()):
        base = _constant(row.severity)
        one, other = (_matching(side, subject, field) for side in row.sides)
        pairs = [(*pair, base) for pair in product(one, other) if pair[0].side != pair[1].side]
        if pairs:
            yield Contest(
                Rule.exclusion,
                Topic(subject, row.sides[0].question),
                (row.key,),
                pairs,
                (row.model_dump(mode="json"),),
                row,
            )


def _is_beyond(about: Collection[str] | None, questions: Iterable[str]) -> bool:
    """Whether it is asked about other questions than all of these."""
    return about is not None and not any(question in about for question in questions)


@cache
def _base_of_policy(severity: Severity, sole_severity: Severity) -> Base:
    def base(one: Hedge, other: Hedge) -> Severity:
        exclusivities = {one.exclusivity, other.exclusivity}
        if exclusivities == {Exclusivity.one_of_several}:
            return Severity.none
        return sole_severity if Exclusivity.sole in exclusivities else severity

    return base


def _base_of_denial(denial: Hedge, affirmation: Hedge) -> Severity:
    for_some = affirmation.frequency in _FOR_SOME
    if denial.frequency in {Frequency.always, Frequency.unspecified}:
        return Severity.disagreement if for_some else Severity.contradiction
    if denial.frequency is Frequency.usually:
        return Severity.tension if for_some else Severity.disagreement
    if affirmation.frequency is Frequency.always:
        return Severity.disagreement
    return Severity.none if for_some else Severity.tension


def _base_of_unknown(unknown: Hedge, known: Hedge) -> Severity:
    stands = unknown.frequency in _FOR_SOME or known.certainty is Certainty.suspected
    return Severity.none if stands else Severity.disagreement


@cache
def _constant(severity: Severity) -> Base:
    def base(_one: Hedge, _other: Hedge) -> Severity:
        return severity

    return base


_disagreement = _constant(Severity.disagreement)
_tension = _constant(Severity.tension)


def _is_said_rarely_and_often(claim: Claim) -> bool:
    said = {citation.frequency for citation in claim.citations}
    return Frequency.rarely in said and bool(said & _AS_A_RULE)


def _pair_within(claim: Claim, stance: Stance) -> Pair:
    rarely, often = (
        Stance(
            stance.side._replace(voice=voice),
            stance.scope,
            (_with_citations(claim, frequencies),),
        )
        for voice, frequencies in ((RARELY, {Frequency.rarely}), (USUALLY_OR_ALWAYS, _AS_A_RULE))
    )
    return rarely, often, _disagreement


def _with_citations(claim: Claim, frequencies: set[Frequency]) -> Claim:
    """The claim as some of its citations say it."""
    return replace(
        claim,
        citations=tuple(one for one in claim.citations if one.frequency in frequencies),
    )


def _concepts(stances: dict[Value, list[Stance]], field: Field) -> dict[str, list[Stance]]:
    """By concept key, without "unknown", which is no thing that could have a role."""
    return {
        value.text: of_value
        for value, of_value in stances.items()
        if value.kind is ValueKind.concept and value != field.unknown
    }


def _related(one: Collection[str], other: Collection[str], field: Field) -> list[tuple[str, str]]:
    """The pairs of concepts that are equal or nested; both may be many, and few are."""
    with_broader = field.concepts.with_broader
    upwards = {(key, rival) for key in one for rival in with_broader(key) if rival in other}
    downwards = {(key, rival) for rival in other for key in with_broader(rival) if key in one}
    return sorted(upwards | downwards)


def _narrower(key: str, rival: str, field: Field) -> str:
    """The narrower of two related concepts; of two on a cycle, the first by name."""
    return min(
        one
        for one, other in ((key, rival), (rival, key))
        if field.concepts.is_same_or_narrower(one, other)
    )


def _matching(side: ExclusionSide, subject: str | None, field: Field) -> list[Stance]:
    of_polarity = field.affirmed if side.polarity is Polarity.affirms else field.denied
    stances = of_polarity.get(Topic(subject, side.question), {})
    return [
        stance
        for key, of_concept in stances.items()
        if key.kind is ValueKind.concept
        and field.concepts.is_same_or_narrower(key.text, side.concept)
        for stance in of_concept
    ]
