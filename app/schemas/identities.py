"""What makes two claims the same: condition, subject, question, value, polarity, scope."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.text import folded

# Made once: ``json.dumps`` makes one each time that it is asked for sorted keys.
_WRITER = json.JSONEncoder(sort_keys=True)


def claim_identity(
    *,
    condition: str,
    subject: str | None,
    question: str,
    value: Mapping[str, Any],
    polarity: str,
    scope: Mapping[str, Any],
) -> str:
    """SHA-256 over the canonical form. ``value`` has one of concept, quantity and words.

    Words are compared without case and spacing; a quantity by its ends and unit, or by
    its words where it has no ends.
    """
    words = value.get("words")
    canonical = {
        "condition": condition,
        "subject": subject,
        "question": question,
        "concept": value.get("concept"),
        "quantity": _quantity(value.get("quantity")),
        "words": folded(words) if words else None,
        "polarity": polarity,
        "scope": {part: named for part, named in scope.items() if named is not None},
    }
    return hashlib.sha256(_WRITER.encode(canonical).encode()).hexdigest()


def _quantity(quantity: Mapping[str, Any] | None) -> list[Any] | None:
    if quantity is None:
        return None
    low, high = quantity["low"], quantity["high"]
    if low is None and high is None:
        return [folded(quantity["as_said"])]
    return [_number(low), _number(high), quantity["unit"]]


def _number(number: float | None) -> float | None:
    return None if number is None else float(number)
