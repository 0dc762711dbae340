from typing import Annotated

from pydantic import AfterValidator, Field

from app.schemas.base import Curie, Out, without_nul
from app.schemas.claims import ClaimOut
from app.schemas.conflicts import ConflictOut
from app.schemas.documents import DocumentOnPage
from app.schemas.shared import MAX_VALUES, ListOut, Moment, PageIn, Time, Xref


class ConditionFilters(PageIn):
    """A repeated key is OR, different keys are AND."""

    q: Annotated[
        Annotated[str, AfterValidator(without_nul)] | None,
        Field(max_length=200, description="Begins a word of the name or of an alias."),
    ] = None
    xref: Annotated[
        list[Curie],
        Field(max_length=MAX_VALUES, description="External id.", examples=[["HP:0001056"]]),
    ] = []
    conflict: Annotated[
        bool | None,
        Field(description="Whether it has an open conflict that is flagged."),
    ] = None


class AliasOut(Out):
    slug: str
    name: str


class ConditionBase(Out):
    id: str
    slug: Annotated[str, Field(examples=["milia"])]
    version: int
    name: str
    aliases: list[AliasOut]
    description: str | None
    xrefs: list[Xref]
    created_at: Time
    updated_at: Time


class ConditionRow(ConditionBase):
    claims: int
    conflicts: Annotated[int, Field(description="Open and flagged.")]


class ConditionList(ListOut[ConditionRow]):
    pass


class TypeCount(Out):
    type: str
    claims: int
    claims_in_conflict: int


class Counts(Out):
    claims: int
    claims_in_conflict: int
    citations: int
    conflicts: Annotated[int, Field(description="Open and flagged: from disagreement upwards.")]
    tensions: Annotated[int, Field(description="Open and not flagged.")]
    documents: int
    passages: int
    by_type: list[TypeCount]


class ClaimsOfType(TypeCount):
    title: str
    description: str
    data: list[ClaimOut]


class ConditionLinks(Out):
    claims: str
    conflicts: str


class ConditionPage(ConditionBase):
    """Everything that a page about the condition needs."""

    disclaimer: str
    counts: Counts
    claims: list[ClaimsOfType]
    conflicts: Annotated[list[ConflictOut], Field(description="The gravest first.")]
    documents: list[DocumentOnPage]
    truncated: Annotated[bool, Field(description="Whether there are more than 1,000 claims.")]
    links: ConditionLinks
    as_of: Moment
