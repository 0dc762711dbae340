"""What a claim says, in a form that can be compared (design.md section 2)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from app.conflicts.concepts import Concepts
from app.conflicts.model import Claim, Quantity


class ValueKind(StrEnum):
    concept = "concept"
    quantity = "quantity"
    as_said = "as_said"
    words = "words"


@dataclass(frozen=True, slots=True)
class Value:
    """A concept key, a canonical quantity, or normalised words; ``text`` tells them apart."""

    kind: ValueKind
    text: str
    quantity: Quantity | None = None

    @property
    def is_comparable(self) -> bool:
        """Whether two of these can be told to differ."""
        return self.kind in {ValueKind.concept, ValueKind.quantity}


def value_of(claim: Claim) -> Value:
    if claim.concept is not None:
        return Value(ValueKind.concept, claim.concept)
    if claim.quantity is None:
        return Value(ValueKind.words, _normalised(claim.words or ""))
    quantity = claim.quantity
    if quantity.low is None and quantity.high is None:
        return Value(ValueKind.as_said, _normalised(claim.label))
    ends = [None if end is None else float(end) for end in (quantity.low, quantity.high)]
    return Value(ValueKind.quantity, _canonical([*ends, quantity.unit]), quantity)


def differ(one: Value, other: Value, concepts: Concepts) -> bool:
    """Whether two answers are comparable, and neither a refinement of the other nor overlapping."""
    if one.kind is ValueKind.concept and other.kind is ValueKind.concept:
        return not concepts.are_related(one.text, other.text)
    if one.quantity is None or other.quantity is None:
        return False
    return one.quantity.unit == other.quantity.unit and not ranges_overlap(
        (one.quantity.low, one.quantity.high),
        (other.quantity.low, other.quantity.high),
    )


def with_broader(value: Value, concepts: Concepts) -> Iterator[Value]:
    """The value and, for a concept, all broader ones: whoever denies one of them denies it."""
    if value.kind is ValueKind.concept:
        for key in concepts.with_broader(value.text):
            yield Value(ValueKind.concept, key)
    elif value.kind is not ValueKind.as_said:
        yield value


def ranges_overlap(
    one: tuple[float | None, float | None],
    other: tuple[float | None, float | None],
) -> bool:
    """Whether two ranges share a number; their ends belong to them, ``None`` is infinite."""
    lows = [-inf if low is None else low for low, _ in (one, other)]
    highs = [inf if high is None else high for _, high in (one, other)]
    return max(lows) <= min(highs)


# ``json.dumps`` without its looking for other ways to write.
_canonical = json.JSONEncoder().encode


def _normalised(words: str) -> str:
    return " ".join(words.casefold().split())
