"""The vocabulary: types, questions, policies and rules, read from ``data/vocabulary.json``.

It is data, so that a new condition may bring new questions without new code; what is
fixed here is its shape. A file that does not fit is refused at start.
"""

import hashlib
import json
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

VOCABULARY_FILE = Path(__file__).parent.parent / "data" / "vocabulary.json"

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*$", max_length=80)]
Sentence = Annotated[str, Field(min_length=3, max_length=500)]


class ClaimStatus(StrEnum):
    draft = "draft"
    in_review = "in_review"
    published = "published"
    rejected = "rejected"
    retracted = "retracted"


class Polarity(StrEnum):
    affirms = "affirms"
    denies = "denies"


class Certainty(StrEnum):
    asserted = "asserted"
    suspected = "suspected"


class Frequency(StrEnum):
    always = "always"
    usually = "usually"
    unspecified = "unspecified"
    sometimes = "sometimes"
    rarely = "rarely"


class Exclusivity(StrEnum):
    sole = "sole"
    one_of_several = "one_of_several"
    unspecified = "unspecified"


class Verification(StrEnum):
    """Whether a citation was compared with its document's text."""

    verified = "verified"
    unverified = "unverified"
    orphaned = "orphaned"


class DocumentStatus(StrEnum):
    active = "active"
    superseded = "superseded"
    retracted = "retracted"


class Severity(StrEnum):
    """How strongly claims clash. In ascending order; flagged from disagreement upwards."""

    none = "none"
    tension = "tension"
    disagreement = "disagreement"
    contradiction = "contradiction"

    @property
    def rank(self) -> int:
        """0 for none to 3 for contradiction."""
        return _RANKS[self]

    @property
    def is_conflict(self) -> bool:
        return self.rank >= Severity.disagreement.rank

    def lowered(self) -> "Severity":
        """One step down, never below tension; none stays none."""
        return list(Severity)[max(self.rank - 1, min(self.rank, 1))]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Policy(StrEnum):
    single = "single"
    competing = "competing"
    open = "open"
    interval = "interval"


class Rule(StrEnum):
    values = "values"
    polarity = "polarity"
    known_unknown = "known_unknown"
    frequency = "frequency"
    opposing_roles = "opposing_roles"
    exclusion = "exclusion"
    asserted = "asserted"  # by a curator, not computed


class DecisionKind(StrEnum):
    """A curator's word on a conflict."""

    confirmed = "confirmed"  # the computed severity stays
    explained = "explained"  # a tension
    dismissed = "dismissed"  # none
    asserted = "asserted"  # one that the rules missed


class ScopePart(StrEnum):
    """The parts of a scope that hold concepts; ages are numbers of years."""

    population = "population"
    sex = "sex"
    severity = "severity"
    subtype = "subtype"
    body_site = "body_site"
    period = "period"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TypeRow(_Row):
    key: Key
    title: Sentence
    description: Sentence


class PolicyRow(_Row):
    """``severity`` of two different values; ``sole_severity`` if one is called the only one."""

    key: Policy
    description: Sentence
    severity: Severity | None
    sole_severity: Severity | None


class QuestionRow(_Row):
    """``covers``: the questions that the answer "unknown" to this one leaves unanswered."""

    key: Key
    type: Key
    title: Sentence
    asks: Sentence
    policy: Policy
    values: Annotated[list[Literal["concept", "quantity", "words"]], Field(min_length=1)]
    covers: list[Key] = []


class RuleRow(_Row):
    key: Rule
    kind: Key
    description: Sentence


class OpposedRow(_Row):
    key: Key
    questions: tuple[Key, Key]
    reason: Sentence


class ExclusionSide(_Row):
    question: Key
    concept: Key
    polarity: Polarity


class ExclusionRow(_Row):
    key: Key
    sides: tuple[ExclusionSide, ExclusionSide]
    severity: Severity
    reason: Sentence


class DisjointRow(_Row):
    """No case has two of ``values`` (or of concepts narrower than them) in ``part`` at once."""

    key: Key
    part: ScopePart
    values: Annotated[list[Key], Field(min_length=2)]
    reason: Sentence


class Vocabulary(_Row):
    version: Annotated[int, Field(ge=1)]
    title: Sentence
    types: list[TypeRow]
    policies: list[PolicyRow]
    questions: list[QuestionRow]
    unknown_concept: Key
    rules: list[RuleRow]
    opposed: list[OpposedRow]
    exclusions: list[ExclusionRow]
    disjoint: list[DisjointRow]

    @model_validator(mode="after")
    def _references_resolve(self) -> Self:
        _require_unique("types", [row.key for row in self.types])
        _require_unique("questions", [row.key for row in self.questions])
        _require_unique(
            "opposed, exclusions and disjoint",
            [
                *(row.key for row in self.opposed),
                *(row.key for row in self.exclusions),
                *(row.key for row in self.disjoint),
            ],
        )
        if {row.key for row in self.policies} != set(Policy):
            raise ValueError("policies: there has to be one row for each policy")
        if {row.key for row in self.rules} != set(Rule):
            raise ValueError("rules: there has to be one row for each rule")
        types = {row.key for row in self.types}
        for question in self.questions:
            if question.type not in types:
                raise ValueError(f"questions: {question.key} has an unknown type")
        named = [
            *(key for row in self.questions for key in row.covers),
            *(key for row in self.opposed for key in row.questions),
            *(side.question for row in self.exclusions for side in row.sides),
        ]
        for key in named:
            if key not in self.question_by_key:
                raise ValueError(f"{key} is named, but is no question")
        return self

    @cached_property
    def question_by_key(self) -> dict[str, QuestionRow]:
        return {row.key: row for row in self.questions}

    @cached_property
    def policy_by_key(self) -> dict[Policy, PolicyRow]:
        return {row.key: row for row in self.policies}

    @cached_property
    def rule_by_key(self) -> dict[Rule, RuleRow]:
        return {row.key: row for row in self.rules}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical form: equal vocabularies have equal digests."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _require_unique(where: str, keys: list[str]) -> None:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(twice)} stand there twice")


class VocabularyFileError(Exception):
    """The vocabulary file cannot be read or does not hold a vocabulary."""


@cache
def load_vocabulary(path: Path = VOCABULARY_FILE) -> Vocabulary:
    try:
        return Vocabulary.model_validate_json(path.read_bytes())
    except OSError as error:
        raise VocabularyFileError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise VocabularyFileError(f"{path} is no vocabulary: /{place}: {first['msg']}.") from error
