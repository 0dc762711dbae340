from typing import Annotated

from pydantic import AfterValidator, Field

from app.schemas.base import Curie, Out, Slug, without_nul
from app.schemas.shared import MAX_VALUES, ConceptRef, ListOut, Moment, NameIn, PageIn, Time, Xref


class ConceptFilters(PageIn):
    kind: Annotated[
        list[Slug],
        Field(max_length=MAX_VALUES, description="What the concept is.", examples=[["procedure"]]),
    ] = []
    q: Annotated[
        Annotated[str, AfterValidator(without_nul)] | None,
        Field(max_length=200, description="Begins a word of the label or of a synonym."),
    ] = None
    xref: Annotated[
        list[Curie],
        Field(max_length=MAX_VALUES, description="External id.", examples=[["MESH:D011565"]]),
    ] = []
    broader: Annotated[
        list[NameIn],
        Field(max_length=MAX_VALUES, description="A concept: those below it, at any depth."),
    ] = []


class ConceptOut(Out):
    """A thing that claims speak of, with other words for it and what is broader."""

    id: str
    key: Annotated[str, Field(examples=["laser-therapy"])]
    version: int
    label: str
    kind: str
    description: str | None
    synonyms: list[str]
    broader: list[ConceptRef]
    xrefs: list[Xref]
    merged_into: Annotated[str | None, Field(description="The concept that its key leads to now.")]
    created_at: Time
    updated_at: Time


class ConceptRow(ConceptOut):
    claims_as_value: int
    claims_as_subject: int


class ConceptLinks(Out):
    claims_as_value: str
    claims_as_subject: str


class OneConcept(ConceptRow):
    narrower: list[ConceptRef]
    links: ConceptLinks


class ReadConcept(OneConcept):
    as_of: Moment


class ConceptList(ListOut[ConceptRow]):
    pass
