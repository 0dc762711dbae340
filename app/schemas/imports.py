"""Bulk imports: the lines that are sent, and the report that is answered."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.schemas.base import In, Out, without_nul
from app.schemas.seed import ClaimSeed, ConceptSeed, ConditionSeed, DocumentSeed, Loose, ScopeSeed
from app.schemas.shared import ListOut
from app.vocabulary import ClaimStatus

MAX_TEXT = 5_000_000  # code points of a document's text
RecordType = Literal["concept", "condition", "document", "claim"]


def _not_withdrawn(status: ClaimStatus) -> ClaimStatus:
    if status not in {ClaimStatus.draft, ClaimStatus.in_review, ClaimStatus.published}:
        raise ValueError("must be draft, in_review or published")
    return status


class _Line(In):
    """``version``: of the record that the line replaces, where people changed it last."""

    version: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


class ConceptLine(ConceptSeed, _Line):
    type: Literal["concept"]


class ConditionLine(ConditionSeed, _Line):
    type: Literal["condition"]


class DocumentLine(DocumentSeed, _Line):
    """With its ``text``, every quote from it is compared, and the text is kept."""

    type: Literal["document"]
    text: (
        Annotated[str, AfterValidator(without_nul), Field(min_length=1, max_length=MAX_TEXT)] | None
    ) = None


# One for all lines that name none: making it takes as long as the rest of a short line.
_NO_SCOPE = ScopeSeed()


class ClaimLine(ClaimSeed, _Line):
    """Without ``status`` a new claim is published, and one that is there stays as it is."""

    type: Literal["claim"]
    scope: Annotated[ScopeSeed, Field(default_factory=lambda: _NO_SCOPE)]
    status: Annotated[ClaimStatus, Loose, AfterValidator(_not_withdrawn)] | None = None


Line = ConceptLine | ConditionLine | DocumentLine | ClaimLine
LINES: dict[str, type[Line]] = {
    "concept": ConceptLine,
    "condition": ConditionLine,
    "document": DocumentLine,
    "claim": ClaimLine,
}


class Counts(Out):
    concept: Annotated[int, Field(examples=[12])]
    condition: Annotated[int, Field(examples=[1])]
    document: Annotated[int, Field(examples=[2])]
    claim: Annotated[int, Field(examples=[40])]


class ConflictCounts(Out):
    opened: int
    changed: int
    stale: Annotated[int, Field(description="Decisions whose basis the import changed.")]
    closed: int


class ImportReport(Out):
    """What an import did; after a dry run, what it would have done."""

    lines: int
    created: Counts
    updated: Counts
    unchanged: Counts
    conflicts: ConflictCounts
    change: Annotated[int | None, Field(description="Null where nothing was changed.")]
    dry_run: bool
    seconds_validating: float
    seconds_locked: float


class ImportOut(ImportReport):
    id: Annotated[str | None, Field(examples=["IMP1"], description="Null after a dry run.")]
    account: str
    digest: Annotated[str, Field(description="SHA-256 of the lines as they were sent.")]
    created_at: str


class ImportList(ListOut[ImportOut]):
    pass
