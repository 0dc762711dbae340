"""Bodies that create, change, replace and merge documents, and what a new text did."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.schemas.base import Name, Out, Slug, without_nul
from app.schemas.claim_edits import Reasoned
from app.schemas.documents import OneDocument
from app.schemas.patches import Unchangeable
from app.schemas.seed import (
    Day,
    Digest,
    DocumentContent,
    Language,
    Loose,
    Offset,
    PassageSeed,
    UncitedSeed,
    Url,
)
from app.vocabulary import DocumentStatus

MAX_TEXT = 2_000_000
# As long as it was sent: offsets and digest are those of every single code point.
Text = Annotated[str, AfterValidator(without_nul), Field(min_length=1, max_length=MAX_TEXT)]
DocumentName = Annotated[str, Field(pattern=r"^DOC[1-9][0-9]{0,17}$", examples=["DOC2"])]


class DocumentIn(DocumentContent, Reasoned):
    """A new document. With its `text`, citations are verified by the server; `sha256` and
    `length` are then computed, and those that are given have to fit."""

    text: Text | None = None


class DocumentPatch(Reasoned):
    """A JSON merge patch: what is not there stays, null takes away, lists are replaced."""

    key: Unchangeable = None
    title: Name = ""
    url: Url | None = None
    publisher: Name | None = None
    family: Slug | None = None
    language: Language | None = None
    licence: Name | None = None
    published_on: Day = None
    retrieved_on: Day = None
    sha256: Digest | None = None
    length: Offset | None = None
    passages: Annotated[list[PassageSeed], Field(min_length=1, max_length=10_000)] = []
    uncited: Annotated[list[UncitedSeed], Field(max_length=100_000)] | None = None

    @property
    def patch(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_unset=True, exclude={"reason", "key"})


class StatusIn(Reasoned):
    """`replaced_by` names what stands in for a document that is not active any more."""

    status: Annotated[DocumentStatus, Loose]
    replaced_by: DocumentName | None = None


class TextIn(Reasoned):
    """A text with its passages; without them, those that the document has have to fit."""

    text: Text
    passages: Annotated[list[PassageSeed], Field(min_length=1, max_length=10_000)] | None = None
    uncited: Annotated[list[UncitedSeed], Field(max_length=100_000)] | None = None


class DocumentMergeIn(Reasoned):
    into: DocumentName


class PlaceOut(Out):
    passage: str
    start: int
    end: int


class AnchorOut(Out):
    """A citation with a quote, and where it stands."""

    citation: Annotated[str, Field(examples=["CIT1"])]
    claim: Annotated[str, Field(examples=["CLM1"])]
    place: PlaceOut


class MovedOut(AnchorOut):
    former: PlaceOut


class OrphanOut(AnchorOut):
    """`place` is where it stood in the text before."""

    quote: str
    detail: Annotated[str, Field(examples=["The quote does not occur in the text."])]


class Anchoring(Out):
    """What a new text did to the citations that have a quote."""

    kept: Annotated[list[AnchorOut], Field(description="They stand where they stood.")]
    moved: Annotated[list[MovedOut], Field(description="Found exactly once, elsewhere.")]
    orphaned: Annotated[
        list[OrphanOut],
        Field(description="Not found, or found more than once: they wait in the queue."),
    ]


class AnchoredDocument(OneDocument):
    citations: Anchoring
