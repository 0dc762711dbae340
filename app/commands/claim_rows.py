"""Writing what was said of a claim into its row and its citations."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.schemas.seed import CITED, CitationSeed, ClaimContent
from app.vocabulary import ScopePart, Verification, Vocabulary

RowT = TypeVar("RowT")
CITATION_FIELDS = ("passage_id", *CITED)


# Tables and not models: nothing is loaded but rows.
_CONCEPT, _CONDITION = Concept.__table__.c, Condition.__table__.c
_DOCUMENT, _PASSAGE = Document.__table__.c, Passage.__table__.c
_CONCEPTS = select(_CONCEPT.key, _CONCEPT.id).where(_CONCEPT.merged_into_id.is_(None))
_CONDITIONS = select(_CONDITION.slug, _CONDITION.id)
_PASSAGES = (
    select(_DOCUMENT.key, _PASSAGE.key, _PASSAGE.id, _PASSAGE.start, _PASSAGE.end)
    .join_from(Document.__table__, Passage.__table__)
    .where(~_DOCUMENT.merged)
)
# Of one claim. Its concepts are kept from being merged away until it is written.
_USED_CONCEPTS = (
    _CONCEPTS.where(_CONCEPT.key.in_(bindparam("keys", expanding=True)))
    .order_by(_CONCEPT.id)
    .with_for_update(read=True, key_share=True)
)
_OWN_CONDITION = _CONDITIONS.where(_CONDITION.slug == bindparam("slug"))
_CITED_PASSAGES = _PASSAGES.where(
    _DOCUMENT.key.in_(bindparam("documents", expanding=True)),
    _PASSAGE.key.in_(bindparam("passages", expanding=True)),
)


class Names:
    """Ids by natural key, for what claims refer to."""

    def __init__(
        self,
        session: Session,
        part: ClaimContent | None = None,
        conditions: Mapping[str, int] | None = None,
    ) -> None:
        """All of them, or those that one claim uses. What was merged is no name any more.

        ``conditions``: some that are known; they are not read again if they are enough.
        """
        asked: dict[str, Any] = {}
        concepts, slugs, passages = _CONCEPTS, _CONDITIONS, _PASSAGES
        if part is not None:
            scope = part.scope.model_dump(include={one.value for one in ScopePart})
            asked["keys"] = [key for key in {part.concept, part.subject, *scope.values()} if key]
            asked["slug"] = part.condition
            asked["documents"] = [cited.passage.partition("/")[0] for cited in part.citations]
            asked["passages"] = [cited.passage.partition("/")[2] for cited in part.citations]
            concepts, slugs, passages = _USED_CONCEPTS, _OWN_CONDITION, _CITED_PASSAGES
        self.concepts: dict[str | None, int | None] = {None: None}
        self.concepts |= dict(session.execute(concepts, asked).all())
        self.conditions = dict(conditions or {})
        if part is None or part.condition not in self.conditions:
            self.conditions |= dict(session.execute(slugs, asked).all())
        self.passages: dict[str, int] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        for document, passage, id_, start, end in session.execute(passages, asked):
            self.passages[f"{document}/{passage}"] = id_
            self._spans[f"{document}/{passage}"] = start, end

    def holds(self, cited: CitationSeed) -> bool:
        """Whether the passage is there and the quote lies within it."""
        if cited.passage not in self.passages:
            return False
        start, end = self._spans[cited.passage]
        return cited.start is None or start <= cited.start < (cited.end or 0) <= end


def fill_claim(
    row: Claim,
    part: ClaimContent,
    names: Names,
    vocabulary: Vocabulary,
    verifications: Sequence[Verification],
) -> None:
    """Make the row say what ``part`` says. Citations that did not change keep their ids.

    ``verifications``: one for each citation of ``part``, in their order.
    """
    row.question, row.statement = part.question, part.statement
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
    citations = []
    for position, cited in enumerate(part.citations, start=1):
        fields = _citation_fields(cited, names.passages)
        kept = former.get(tuple(fields[name] for name in CITATION_FIELDS))
        kept = kept or filled(Citation(), fields)
        # Set only where it changes: what is set is looked through when it is written.
        if (kept.position, kept.verification) != (position, verifications[position - 1]):
            kept.position, kept.verification = position, verifications[position - 1]
        citations.append(kept)
    if row.citations != citations:
        row.citations = citations


def citation_key(cited: CitationSeed) -> tuple[Any, ...]:
    """What tells citations of one claim apart, and changed ones from unchanged."""
    return tuple(cited.model_dump(mode="json").items())


def _citation_fields(cited: CitationSeed, passages: dict[str, int]) -> dict[str, Any]:
    return cited.model_dump(exclude={"passage"}) | {"passage_id": passages[cited.passage]}


def _citation_content(citation: Citation) -> tuple[Any, ...]:
    return tuple(getattr(citation, name) for name in CITATION_FIELDS)


def filled(row: RowT, fields: dict[str, Any]) -> RowT:
    for name, value in fields.items():
        setattr(row, name, value)
    return row
