"""The seed file: concepts, conditions, documents with passages, claims with citations.

Everything is referred to by its natural key. Offsets are Unicode code points, half-open,
from the start of the document.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from app.schemas.base import In, Name, NaturalKey, Sentence, Slug, Verbatim, XrefIn
from app.schemas.identities import claim_identity
from app.vocabulary import Certainty, Exclusivity, Frequency, Polarity

Offset = Annotated[int, Field(ge=0, le=1_000_000_000)]
Age = Annotated[float, Field(ge=0, le=150)]
# A file is text: enumerations and dates arrive as strings there, also in strict mode.
Loose = Field(strict=False)
# As long as the columns are: only PostgreSQL would refuse more.
Words = Annotated[Verbatim, Field(max_length=500)]
FewWords = Annotated[Verbatim, Field(max_length=200)]


def _written_out(day: object) -> object:
    """Without this a number would be taken for seconds since 1970."""
    if day is not None and not (isinstance(day, str) and len(day) == len("2026-11-22")):
        raise ValueError("must be a date such as 2026-11-22")
    return day


Day = Annotated[Annotated[date, Loose] | None, BeforeValidator(_written_out)]
# As keys of the vocabulary are: a refusal may repeat one that is unknown.
QuestionName = Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")]
Url = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$")]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Kind = Annotated[Slug, Field(max_length=40, examples=["procedure"])]


class ConceptSeed(In):
    key: Slug
    label: Name
    kind: Kind
    description: Sentence | None = None
    synonyms: Annotated[list[Name], Field(max_length=100)] = []
    broader: Annotated[list[Slug], Field(max_length=20)] = []
    xrefs: Annotated[list[XrefIn], Field(max_length=50)] = []


class AliasSeed(In):
    slug: Slug
    name: Name


class ConditionSeed(In):
    slug: Slug
    name: Name
    description: Sentence | None = None
    aliases: Annotated[list[AliasSeed], Field(max_length=50)] = []
    xrefs: Annotated[list[XrefIn], Field(max_length=50)] = []


class PassageSeed(In):
    """A part of the document with one voice; the heading above it is not within its span."""

    key: Slug
    heading: Words | None = None
    start: Offset
    end: Offset


class UncitedSeed(In):
    """A sentence that carries no claim, and why."""

    start: Offset
    end: Offset
    reason: Sentence


class DocumentContent(In):
    """Where a document is from, how its text can be recognised, and its passages."""

    key: Slug
    title: Name
    url: Url | None = None
    publisher: Name | None = None
    family: Slug | None = None
    language: Language | None = None
    licence: Name | None = None
    published_on: Day = None
    retrieved_on: Day = None
    sha256: Digest | None = None
    length: Offset | None = None
    passages: Annotated[list[PassageSeed], Field(min_length=1, max_length=10_000)]
    uncited: Annotated[list[UncitedSeed], Field(max_length=100_000)] = []


class DocumentSeed(DocumentContent):
    """``verified``: every citation was compared with the text of this digest and stands
    there; ``check --document`` is how, and CI does it again."""

    verified: bool = False


# What a document says of itself, in the columns of its row.
DESCRIBED = tuple(
    name for name in DocumentContent.model_fields if name not in {"passages", "uncited"}
)


class QuantitySeed(In):
    """Either end may be open; a vague amount has only the words."""

    low: float | None = None
    high: float | None = None
    unit: Annotated[Name, Field(max_length=40)] | None = None
    as_said: Words

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be above high")
        if (self.low is not None or self.high is not None) and self.unit is None:
            raise ValueError("a number needs a unit")
        return self


class ScopeSeed(In):
    population: Slug | None = None
    age_low: Age | None = None
    age_high: Age | None = None
    sex: Slug | None = None
    severity: Slug | None = None
    subtype: Slug | None = None
    body_site: Slug | None = None
    period: Slug | None = None


class CitationSeed(In):
    """``passage`` is ``<document key>/<passage key>``. A span with its quote, or a locator."""

    passage: Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$", max_length=161)]
    start: Offset | None = None
    end: Offset | None = None
    quote: Verbatim | None = None
    locator: Words | None = None
    certainty: Annotated[Certainty, Loose] = Certainty.asserted
    frequency: Annotated[Frequency, Loose] = Frequency.unspecified
    exclusivity: Annotated[Exclusivity, Loose] = Exclusivity.unspecified
    hedge: Words | None = None
    subject_words: FewWords | None = None

    @model_validator(mode="after")
    def _points_somewhere(self) -> Self:
        if len({self.start is None, self.end is None, self.quote is None}) > 1:
            raise ValueError("start, end and quote stand together")
        if self.quote is None:
            if self.locator is None:
                raise ValueError("either a span with its quote, or a locator, is needed")
        elif (self.end or 0) - (self.start or 0) != len(self.quote):
            raise ValueError("end - start is not the length of the quote in code points")
        return self


# What a citation says, but for the passage, which rows have by its id.
CITED = tuple(name for name in CitationSeed.model_fields if name != "passage")


class ClaimContent(In):
    """What a claim says, and who is cited for it."""

    condition: Slug
    subject: Slug | None = None
    question: QuestionName
    statement: Sentence
    concept: Slug | None = None
    quantity: QuantitySeed | None = None
    words: Sentence | None = None
    polarity: Annotated[Polarity, Loose] = Polarity.affirms
    scope: Annotated[ScopeSeed, Field(default_factory=ScopeSeed)]
    citations: Annotated[list[CitationSeed], Field(max_length=1_000)] = []

    @model_validator(mode="after")
    def _has_one_value(self) -> Self:
        if len([one for one in (self.concept, self.quantity, self.words) if one is not None]) != 1:
            raise ValueError("exactly one of concept, quantity and words is needed")
        return self

    @property
    def identity(self) -> str:
        return claim_identity(
            condition=self.condition,
            subject=self.subject,
            question=self.question,
            value={
                "concept": self.concept,
                "quantity": self.quantity.model_dump() if self.quantity else None,
                "words": self.words,
            },
            polarity=self.polarity.value,
            scope=self.scope.model_dump(mode="json") if self.scope.model_fields_set else {},
        )


class ClaimSeed(ClaimContent):
    key: NaturalKey
    citations: Annotated[list[CitationSeed], Field(min_length=1, max_length=1_000)]


class Seed(In):
    format: Literal["claimbase-seed/1"]
    concepts: Annotated[list[ConceptSeed], Field(max_length=100_000)]
    conditions: Annotated[list[ConditionSeed], Field(max_length=10_000)]
    documents: Annotated[list[DocumentSeed], Field(max_length=100_000)]
    claims: Annotated[list[ClaimSeed], Field(max_length=1_000_000)]
