"""Claims that say the same thing of the same cases, taken together, and how they are said."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import inf
from operator import attrgetter, is_
from typing import NamedTuple

from app.conflicts.concepts import Concepts
from app.conflicts.model import Citation, Claim, Scope
from app.conflicts.values import Value, ValueKind, value_of
from app.vocabulary import (
    Certainty,
    Exclusivity,
    Frequency,
    Polarity,
    Vocabulary,
)

ScopeOrder = tuple[tuple[tuple[str, str], ...], float, float]


class Hedge(NamedTuple):
    """How one citation says its claim."""

    certainty: Certainty
    frequency: Frequency
    exclusivity: Exclusivity


class SideId(NamedTuple):
    """What makes a side; ``voice`` tells apart the sides that are citations of one claim."""

    question: str
    value: Value
    polarity: Polarity
    voice: str

    @property
    def sort_key(self) -> tuple[str, ...]:
        return self.question, self.value.kind, self.value.text, self.polarity, self.voice


@dataclass(frozen=True, eq=False)
class Stance:
    """The claims of one topic that say the same of one scope, with citations in reading order."""

    side: SideId
    scope: Scope
    claims: tuple[Claim, ...]

    @property
    def value(self) -> Value:
        return self.side.value

    @cached_property
    def hedging(self) -> frozenset[Hedge]:
        return _one_for_equals(frozenset(self.claims_by_hedge))

    @cached_property
    def claims_by_hedge(self) -> dict[Hedge, list[Claim]]:
        """The claims that some citation says with each hedge."""
        found: defaultdict[Hedge, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            for hedge in hedging_of(claim):
                found[hedge].append(claim)
        return dict(found)

    @cached_property
    def passages(self) -> dict[Hedge, frozenset[str]]:
        """The passages that say it with each hedge."""
        found: defaultdict[Hedge, set[str]] = defaultdict(set)
        for claim in self.claims:
            for citation in claim.citations:
                found[hedge_of(citation)].add(citation.passage)
        return {hedge: frozenset(passages) for hedge, passages in found.items()}


class Topic(NamedTuple):
    """Claims are compared only if their subjects are equal."""

    subject: str | None
    question: str


@dataclass(frozen=True, slots=True)
class Field:
    """All that the rules look at: the stances of one condition by topic and value."""

    affirmed: dict[Topic, dict[Value, list[Stance]]]
    denied: dict[Topic, dict[Value, list[Stance]]]
    vocabulary: Vocabulary
    concepts: Concepts
    unknown: Value

    def of_questions(self, questions: Collection[str]) -> "Field":
        """What it has on these questions."""
        affirmed, denied = (
            {topic: stances for topic, stances in found.items() if topic.question in questions}
            for found in (self.affirmed, self.denied)
        )
        return replace(self, affirmed=affirmed, denied=denied)

    def stances(self) -> Iterator[tuple[Topic, Stance]]:
        for of_polarity in (self.affirmed, self.denied):
            for topic, of_topic in of_polarity.items():
                for of_value in of_topic.values():
                    for stance in of_value:
                        yield topic, stance

    @property
    def subjects(self) -> set[str | None]:
        return {topic.subject for topic in (*self.affirmed, *self.denied)}


def field_of(claims: Iterable[Claim], vocabulary: Vocabulary, concepts: Concepts) -> Field:
    """Groups the claims that have citations; the others take no part."""
    groups: defaultdict[tuple[str | None, SideId, Scope], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.citations:
            group = claim.subject, side_id_of(claim), claim.scope
            groups[group].append(_in_reading_order(claim))
    # One object for equal scopes makes the comparisons that follow cheap.
    scopes: dict[Scope, Scope] = {}
    affirmed: dict[Topic, dict[Value, list[Stance]]] = {}
    denied: dict[Topic, dict[Value, list[Stance]]] = {}
    for (subject, side, scope), members in groups.items():
        of_polarity = affirmed if side.polarity is Polarity.affirms else denied
        of_topic = of_polarity.setdefault(Topic(subject, side.question), {})
        stance = Stance(side, scopes.setdefault(scope, scope), tuple(members))
        of_topic.setdefault(side.value, []).append(stance)
    unknown = Value(ValueKind.concept, vocabulary.unknown_concept)
    return Field(affirmed, denied, vocabulary, concepts, unknown)


@lru_cache(maxsize=10_000)
def _one_for_equals(hedging: frozenset[Hedge]) -> frozenset[Hedge]:
    """One object for equal sets, since comparing the same object costs nothing."""
    return hedging


def side_id_of(claim: Claim) -> SideId:
    return SideId(claim.question, value_of(claim), claim.polarity, voice="")


def hedge_of(citation: Citation) -> Hedge:
    return Hedge(citation.certainty, citation.frequency, citation.exclusivity)


def hedging_of(claim: Claim) -> set[Hedge]:
    return {hedge_of(citation) for citation in claim.citations}


def _in_reading_order(claim: Claim) -> Claim:
    if len(claim.citations) == 1:
        return claim
    ordered = tuple(sorted(claim.citations, key=citation_sort_key))
    is_ordered = all(map(is_, ordered, claim.citations))
    return claim if is_ordered else replace(claim, citations=ordered)


# Reading order; the id comes last, so that it cannot decide between different citations.
citation_sort_key = attrgetter(
    "order", "document", "passage", "certainty", "frequency", "exclusivity", "id"
)


def scope_sort_key(scope: Scope) -> ScopeOrder:
    return (
        scope.parts,
        -inf if scope.age_low is None else scope.age_low,
        inf if scope.age_high is None else scope.age_high,
    )
