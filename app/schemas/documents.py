from typing import Annotated

from pydantic import Field

from app.schemas.base import Out
from app.schemas.shared import ListOut, Moment, Time
from app.vocabulary import DocumentStatus


class PassageOut(Out):
    """A part with one voice; `start` and `end` in code points, half-open, without heading."""

    id: Annotated[str, Field(examples=["PSG2"])]
    key: str
    heading: str | None
    start: int
    end: int
    citations: Annotated[int, Field(description="Citations of public claims.")]


class UncitedOut(Out):
    start: int
    end: int
    reason: str


class DocumentBase(Out):
    id: Annotated[str, Field(examples=["DOC1"])]
    key: str
    version: int
    status: DocumentStatus
    title: str
    url: str | None
    publisher: str | None
    family: Annotated[str | None, Field(description="A common origin of several documents.")]
    language: str | None
    licence: str | None
    published_on: str | None
    retrieved_on: str | None
    sha256: Annotated[str | None, Field(description="Of the text as retrieved, UTF-8.")]
    length: Annotated[int | None, Field(description="In Unicode code points.")]
    text_held: Annotated[bool, Field(description="Quotes are verified by the text itself.")]
    replaced_by: Annotated[str | None, Field(description="The document that supersedes it.")]
    merged: Annotated[bool, Field(description="Merged into `replaced_by`.")]
    created_at: Time
    updated_at: Time


class DocumentRow(DocumentBase):
    passages: Annotated[int, Field(description="How many it has.")]


class DocumentOnPage(DocumentBase):
    passages: list[PassageOut]


class OneDocument(DocumentOnPage):
    uncited: Annotated[list[UncitedOut], Field(description="Sentences without a claim, and why.")]


class ReadDocument(OneDocument):
    as_of: Moment


class DocumentList(ListOut[DocumentRow]):
    pass
