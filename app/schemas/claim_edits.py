"""Bodies that create, change and move claims."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import In, NaturalKey, Out, Sentence, Slug, Verbatim
from app.schemas.seed import (
    CitationSeed,
    ClaimContent,
    FewWords,
    Loose,
    Offset,
    QuestionName,
    ScopeSeed,
    Words,
)
from app.vocabulary import Certainty, Exclusivity, Frequency, Polarity

ClaimName = Annotated[str, Field(pattern=r"^CLM[1-9][0-9]{0,17}$", examples=["CLM2"])]


class Reasoned(In):
    """`reason` is kept with the revision."""

    reason: Sentence


class ClaimIn(ClaimContent, Reasoned):
    """A new claim, a draft at first. `key` is its natural key for imports."""

    key: NaturalKey | None = None


class QuantityPatch(In):
    low: float | None = None
    high: float | None = None
    unit: Annotated[str, Field(max_length=40)] | None = None
    as_said: Words | None = None


class ClaimPatch(Reasoned):
    """A JSON merge patch: what is not there stays, null takes away, lists are replaced."""

    question: QuestionName = ""
    statement: Sentence = ""
    subject: Slug | None = None
    concept: Slug | None = None
    quantity: QuantityPatch | None = None
    words: Sentence | None = None
    polarity: Annotated[Polarity, Loose] = Polarity.affirms
    scope: ScopeSeed | None = None
    citations: Annotated[list[CitationSeed], Field(max_length=1_000)] = []

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True, exclude={"reason"})


class CitationIn(CitationSeed, Reasoned):
    """One more passage that says the claim."""


class CitationPatch(Reasoned):
    """A JSON merge patch of a citation."""

    passage: Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$", max_length=161)] = ""
    start: Offset | None = None
    end: Offset | None = None
    quote: Verbatim | None = None
    locator: Words | None = None
    certainty: Annotated[Certainty, Loose] = Certainty.asserted
    frequency: Annotated[Frequency, Loose] = Frequency.unspecified
    exclusivity: Annotated[Exclusivity, Loose] = Exclusivity.unspecified
    hedge: Words | None = None
    subject_words: FewWords | None = None

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True, exclude={"reason"})


class Move(Reasoned):
    """A step of the review."""


class Retraction(Reasoned):
    replaced_by: ClaimName | None = None


class Merge(Reasoned):
    into: ClaimName


class ConflictEffect(Out):
    id: Annotated[str | None, Field(description="Null for one that would be opened.")]
    key: str
    kind: str
    severity: dict[str, str]
    explanation: str


class ConflictEffects(Out):
    opened: list[ConflictEffect]
    changed: list[ConflictEffect]
    stale: list[ConflictEffect]
    closed: list[ConflictEffect]


class DryRunOut(Out):
    """What `dry_run=true` answers: nothing was written."""

    dry_run: bool
    record: dict[str, Any]
    conflicts: ConflictEffects
