"""Claims and a small vocabulary for tests of the rules: only what a test is about is named."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

from app.conflicts import (
    Citation,
    Claim,
    Concepts,
    Conflict,
    Quantity,
    Result,
    Scope,
    compute_conflicts,
)
from app.vocabulary import (
    Certainty,
    Exclusivity,
    Frequency,
    Polarity,
    Rule,
    ScopePart,
    Vocabulary,
    load_vocabulary,
)

_numbers = count(1)

BROADER = {
    "gene": ["inherited"],
    "keratin-gene": ["gene"],
    "collagen-gene": ["gene"],
    "uv-light": ["exposure"],
    "light-therapy": ["therapy"],
    "very-mild": ["mild"],
    "infants": ["children"],
    "teenagers": ["children", "adults"],
    "hidden": ["unknown"],
    "one-of-a-ring": ["other-of-a-ring"],
    "other-of-a-ring": ["one-of-a-ring"],
}
"""The hierarchy of all tests; concepts that do not stand here are roots."""

_QUESTIONS: list[dict[str, Any]] = [
    {"key": "frequency", "policy": "single", "asks": "How common is it?"},
    {"key": "origin", "policy": "competing", "asks": "What does it come from?"},
    {"key": "material", "policy": "competing", "asks": "What fills it?"},
    {"key": "symptom", "policy": "open", "asks": "What do people feel?"},
    {"key": "option", "policy": "open", "asks": "What is it treated with?"},
    {"key": "kind", "policy": "open", "asks": "What kind of condition is it?"},
    {"key": "rate", "policy": "interval", "asks": "How many have it?"},
    {"key": "cure", "policy": "competing", "asks": "What cures it?", "covers": ["material"]},
]

_RULES_OF_PAIRS = {
    "opposed": [
        {
            "key": "treats-causes",
            "questions": ["option", "origin"],
            "reason": "What one source treats it with, another says it comes from.",
        },
    ],
    "exclusions": [
        {
            "key": "inherited-exposure",
            "sides": [
                {"question": "kind", "concept": "inherited", "polarity": "affirms"},
                {"question": "origin", "concept": "exposure", "polarity": "affirms"},
            ],
            "severity": "contradiction",
            "reason": "What is inherited by definition does not come from outside.",
        },
        {
            "key": "numb-pain",
            "sides": [
                {"question": "symptom", "concept": "numbness", "polarity": "affirms"},
                {"question": "kind", "concept": "painless", "polarity": "denies"},
            ],
            "severity": "tension",
            "reason": "What is numb hardly hurts.",
        },
    ],
    "disjoint": [
        {
            "key": "severity",
            "part": "severity",
            "values": ["mild", "severe"],
            "reason": "A case is not mild and severe at once.",
        },
        {
            "key": "age-group",
            "part": "population",
            "values": ["children", "adults"],
            "reason": "Nobody is a child and an adult at once.",
        },
    ],
}


@cache
def vocabulary_json() -> str:
    """The product's policies and rules over the few questions of these tests."""
    own = load_vocabulary().model_dump(mode="json")
    questions = [
        {"type": "definition", "title": "question", "values": ["concept"], **row}
        for row in _QUESTIONS
    ]
    return json.dumps({**own, "questions": questions, **_RULES_OF_PAIRS})


def vocabulary(**changes: Any) -> Vocabulary:
    """With other rows for the top-level fields named."""
    return Vocabulary.model_validate_json(
        json.dumps({**json.loads(vocabulary_json()), **changes}),
    )


VOCABULARY = vocabulary()


def citation(
    passage: str = "",
    *,
    at: int | None = None,
    suspected: bool = False,
    frequency: Frequency = Frequency.unspecified,
    exclusivity: Exclusivity = Exclusivity.unspecified,
    document: str = "doc",
) -> Citation:
    """In a passage of its own, after all citations made before, unless told otherwise."""
    number = next(_numbers)
    return Citation(
        id=f"CIT{number}",
        passage=passage or f"passage-{number}",
        document=document,
        order=(number if at is None else at,),
        certainty=Certainty.suspected if suspected else Certainty.asserted,
        frequency=frequency,
        exclusivity=exclusivity,
    )


def claim(
    question: str,
    value: str | Quantity | None = None,
    *citations: Citation,
    words: str | None = None,
    denied: bool = False,
    scope: Scope | None = None,
    subject: str | None = None,
    label: str | None = None,
) -> Claim:
    """Cited once, plainly, unless told otherwise; ``value`` is a concept key or a quantity."""
    return Claim(
        id=f"CLM{next(_numbers)}",
        question=question,
        label=label or (value if isinstance(value, str) else words or str(value)),
        concept=value if isinstance(value, str) else None,
        quantity=value if isinstance(value, Quantity) else None,
        words=words,
        subject=subject,
        subject_label=subject,
        polarity=Polarity.denies if denied else Polarity.affirms,
        scope=scope or Scope(),
        citations=citations or (citation(),),
    )


def scope(**parts: str | float) -> Scope:
    """``scope(severity="mild", age_low=3)``."""
    ages = {part: float(value) for part, value in parts.items() if part.startswith("age_")}
    concepts = {part: str(value) for part, value in parts.items() if part not in ages}
    return Scope(
        tuple((ScopePart(part), value) for part, value in concepts.items()),
        age_low=ages.get("age_low"),
        age_high=ages.get("age_high"),
    )


def compute(
    *claims: Claim,
    words: Vocabulary = VOCABULARY,
    broader: Mapping[str, Iterable[str]] | None = None,
    condition: str = "",
    about: Collection[str] | None = None,
) -> Result:
    concepts = Concepts(BROADER if broader is None else broader)
    return compute_conflicts(claims, words, concepts, condition=condition, about=about)


def conflicts(rule: Rule, *claims: Claim) -> list[Conflict]:
    """Those of one rule."""
    return [conflict for conflict in compute(*claims).conflicts if conflict.rule is rule]


def only(rule: Rule, *claims: Claim) -> Conflict:
    """The one conflict of a rule."""
    (conflict,) = conflicts(rule, *claims)
    return conflict


def cited(one: Claim, *citations: Citation) -> Claim:
    """The claim with further citations."""
    return replace(one, citations=(*one.citations, *citations))
