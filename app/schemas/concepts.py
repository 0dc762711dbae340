from typing import Annotated

from pydantic import Field

from app.schemas.base import Out, Slug
from app.schemas.shared import MAX_VALUES, ConceptRef, ListOut, PageIn, Time, Xref


class ConceptFilters(PageIn):
    kind: Annotated[
        list[Slug],
        Field(max_length=MAX_VALUES, description="What the concept is.", examples=[["procedure"]]),
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
    created_at: Time
    updated_at: Time


class ConceptLinks(Out):
    claims_as_value: str
    claims_as_subject: str


class OneConcept(ConceptOut):
    narrower: list[ConceptRef]
    claims_as_value: int
    claims_as_subject: int
    links: ConceptLinks


class ConceptList(ListOut[ConceptOut]):
    pass
