"""What makes two claims the same: condition, subject, question, value, polarity, scope."""

import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as as_json
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
    words, quantity = value.get("words"), value.get("quantity")
    named = {part: own for part, own in scope.items() if own is not None}
    # Member by member, in the order of names: what a claim rarely has goes to the writer.
    canonical = (
        f'{{"concept": {_text(value.get("concept"))}, "condition": {as_json(condition)},'
        f' "polarity": {as_json(polarity)},'
        f' "quantity": {_WRITER.encode(_quantity(quantity)) if quantity else "null"},'
        f' "question": {as_json(question)},'
        f' "scope": {_WRITER.encode(named) if named else "{}"}, "subject": {_text(subject)},'
        f' "words": {as_json(folded(words)) if words else "null"}}}'
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text(text: str | None) -> str:
    return "null" if text is None else as_json(text)


def _quantity(quantity: Mapping[str, Any]) -> list[Any]:
    low, high = quantity["low"], quantity["high"]
    if low is None and high is None:
        return [folded(quantity["as_said"])]
    return [_number(low), _number(high), quantity["unit"]]


def _number(number: float | None) -> float | None:
    return None if number is None else float(number)
