"""Keys that outlive claims, and fingerprints of what a decision judged."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from app.conflicts.model import Claim, Scope
from app.conflicts.stances import SideId, hedging_of, scope_sort_key
from app.conflicts.values import Value, ValueKind
from app.vocabulary import Rule

_HASH_LENGTH = 12


def conflict_key(condition: str, rule: Rule, about: Iterable[str], subject: str | None) -> str:
    """Such as ``milia/polarity/symptom.reported/pain``; a subject follows as ``about:key``.

    Concept and question keys hold neither ``/`` nor ``:``, so that no two keys meet.
    """
    parts = [condition] if condition else []
    parts += [rule, *about]
    if subject is not None:
        parts.append(f"about:{subject}")
    return "/".join(parts)


def value_part(value: Value) -> str:
    if value.kind is ValueKind.concept:
        return value.text
    return f"{value.kind}:{_short_hash(value.text)}"


def scope_parts(scope: Scope) -> list[str]:
    """Nothing for the empty scope."""
    return [] if scope == Scope() else [f"scope:{_short_hash(_scope_content(scope))}"]


def fingerprint(
    rule: Rule,
    rows: Iterable[Mapping[str, Any]],
    members: Mapping[SideId, Iterable[Claim]],
) -> str:
    """The same for equal sides and vocabulary rows, in any order."""
    sides: list[str] = []
    for side, claims in members.items():
        scopes = {claim.scope for claim in claims}
        hedges = {hedge for claim in claims for hedge in hedging_of(claim)}
        own = {
            "side": side.sort_key,
            "scopes": [_scope_content(one) for one in sorted(scopes, key=scope_sort_key)],
            "hedges": sorted(hedges),
        }
        sides.append(_canonical(own))
    # Put together of its parts, each written once.
    rows_written, sides_written = ", ".join(sorted(map(_canonical, rows))), ", ".join(sorted(sides))
    content = (
        f'{{"rows": [{rows_written}], "rule": {_canonical(rule)}, "sides": [{sides_written}]}}'
    )
    return hashlib.sha256(content.encode()).hexdigest()


def _scope_content(scope: Scope) -> list[Any]:
    ages = [None if age is None else float(age) for age in (scope.age_low, scope.age_high)]
    return [scope.parts, *ages]


def _short_hash(content: Any) -> str:
    return hashlib.sha256(_canonical(content).encode()).hexdigest()[:_HASH_LENGTH]


# Made once: ``json.dumps`` makes one each time that it is asked for sorted keys.
_canonical = json.JSONEncoder(sort_keys=True).encode
