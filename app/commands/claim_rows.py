"""Writing what was said of a claim into its row and its citations."""

from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.schemas.seed import CitationSeed, ClaimSeed
from app.vocabulary import ScopePart, Verification, Vocabulary

RowT = TypeVar("RowT")
CITATION_FIELDS = (
    "passage_id",
    "start",
    "end",
    "quote",
    "locator",
    "certainty",
    "frequency",
    "exclusivity",
    "hedge",
    "subject_words",
)


class Names:
    """Ids by natural key, for what claims refer to."""

    def __init__(self, session: Session) -> None:
        self.concepts: dict[str | None, int | None] = {None: None}
        self.concepts |= dict(session.execute(select(Concept.key, Concept.id)).all())
        self.conditions = dict(session.execute(select(Condition.slug, Condition.id)).all())
        self.passages: dict[str, int] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        for document, passage in session.execute(
            select(Document.key, Passage).join(Passage, Passage.document_id == Document.id),
        ):
            self.passages[f"{document}/{passage.key}"] = passage.id
            self._spans[f"{document}/{passage.key}"] = (passage.start, passage.end)

    def holds(self, cited: CitationSeed) -> bool:
        """Whether the passage is there and the quote lies within it."""
        if cited.passage not in self.passages:
            return False
        start, end = self._spans[cited.passage]
        return cited.start is None or start <= cited.start < (cited.end or 0) <= end


def fill_claim(
    row: Claim,
    part: ClaimSeed,
    names: Names,
    vocabulary: Vocabulary,
    *,
    verified: Collection[str],
) -> None:
    """Make the row say what ``part`` says. Citations that did not change keep their ids.

    ``verified``: keys of the documents whose citations were compared with the text.
    """
    row.key, row.question, row.statement = part.key, part.question, part.statement
    row.type = vocabulary.question_by_key[part.question].type
    row.condition_id = names.conditions[part.condition]
    row.subject_id = names.concepts[part.subject]
    row.concept_id = names.concepts[part.concept]
    quantity = part.quantity
    row.quantity_low = quantity.low if quantity else None
    row.quantity_high = quantity.high if quantity else None
    row.quantity_unit = quantity.unit if quantity else None
    row.quantity_as_said = quantity.as_said if quantity else None
    row.words = part.words
    row.polarity = part.polarity
    for scope_part in ScopePart:
        key = getattr(part.scope, scope_part.value)
        setattr(row, f"{scope_part.value}_id", names.concepts[key])
    row.age_low, row.age_high = part.scope.age_low, part.scope.age_high
    row.identity = part.identity
    row.passage_count = len({cited.passage for cited in part.citations})
    row.document_count = len({c.passage.partition("/")[0] for c in part.citations})
    former = {_citation_content(citation): citation for citation in row.citations}
    row.citations = []
    for position, cited in enumerate(part.citations, start=1):
        is_verified = cited.passage.partition("/")[0] in verified
        fresh = filled(Citation(), _citation_fields(cited, names.passages, is_verified))
        kept = former.get(_citation_content(fresh), fresh)
        kept.position, kept.verification = position, fresh.verification
        row.citations.append(kept)


def _citation_fields(
    cited: CitationSeed,
    passages: dict[str, int],
    is_verified: bool,
) -> dict[str, Any]:
    fields = cited.model_dump(exclude={"passage"})
    verified = is_verified and cited.quote is not None
    return fields | {
        "passage_id": passages[cited.passage],
        "verification": Verification.verified if verified else Verification.unverified,
    }


def _citation_content(citation: Citation) -> tuple[Any, ...]:
    return tuple(getattr(citation, name) for name in CITATION_FIELDS)


def filled(row: RowT, fields: dict[str, Any]) -> RowT:
    for name, value in fields.items():
        setattr(row, name, value)
    return row
