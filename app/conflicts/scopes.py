"""Whether two claims are about the same cases (design.md section 2, "Scope")."""

from dataclasses import dataclass
from enum import Enum

from app.conflicts.concepts import Concepts
from app.conflicts.model import Scope
from app.conflicts.values import ranges_overlap
from app.vocabulary import DisjointRow, ScopePart, Vocabulary


class Relation(Enum):
    comparable = "comparable"
    uncertain = "uncertain"
    disjoint = "disjoint"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``rows``: the vocabulary rows by which the scopes are disjoint; none if ages decide."""

    relation: Relation
    rows: tuple[DisjointRow, ...] = ()


_SAME = Comparison(Relation.comparable)


class ScopeComparer:
    """Compares scopes and remembers what it found, since few scopes meet many times."""

    def __init__(self, vocabulary: Vocabulary, concepts: Concepts) -> None:
        self._disjoint = vocabulary.disjoint
        self._concepts = concepts
        self._known: dict[tuple[Scope, Scope], Comparison] = {}

    def compare(self, one: Scope, other: Scope) -> Comparison:
        if one is other:
            return _SAME
        known = self._known.get((one, other))
        if known is None:
            known = self._known[one, other] = self._compare(one, other)
        return known

    def _compare(self, one: Scope, other: Scope) -> Comparison:
        left, right = dict(one.parts), dict(other.parts)
        rows = tuple(
            row
            for row in self._disjoint
            if row.part in left
            and row.part in right
            and self._row_parts(row, left[row.part], right[row.part])
        )
        ages = _compare_ages(one, other)
        if rows or ages is Relation.disjoint:
            return Comparison(Relation.disjoint, rows)
        certain = ages is Relation.comparable and all(
            self._is_comparable(part, left, right) for part in left.keys() | right.keys()
        )
        return Comparison(Relation.comparable if certain else Relation.uncertain)

    def _row_parts(self, row: DisjointRow, one: str, other: str) -> bool:
        """Whether the row puts them under different values, and under none together."""
        left = self._concepts.with_broader(one) & set(row.values)
        right = self._concepts.with_broader(other) & set(row.values)
        return bool(left) and bool(right) and not left & right

    def _is_comparable(
        self,
        part: ScopePart,
        left: dict[ScopePart, str],
        right: dict[ScopePart, str],
    ) -> bool:
        return (
            part in left and part in right and self._concepts.are_related(left[part], right[part])
        )


def _compare_ages(one: Scope, other: Scope) -> Relation:
    ages = [(scope.age_low, scope.age_high) for scope in (one, other)]
    named = [age != (None, None) for age in ages]
    if not any(named):
        return Relation.comparable
    if not all(named):
        return Relation.uncertain
    return Relation.comparable if ranges_overlap(*ages) else Relation.disjoint
