"""Writing what was said of a claim into its row and its citations."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.queries.prepared import Prepared
from app.queries.records import AnyRow
from app.schemas.seed import CITED, CitationSeed, ClaimContent
from app.vocabulary import ScopePart, Verification, Vocabulary

RowT = TypeVar("RowT")
CITATION_FIELDS = ("passage_id", *CITED)
SCOPE_CONCEPTS = tuple(part.value for part in ScopePart)


# Tables and not models: nothing is loaded but rows.
_CONCEPT, _CONDITION = Concept.__table__.c, Condition.__table__.c
_DOCUMENT, _PASSAGE = Document.__table__.c, Passage.__table__.c
_CONCEPTS = select(_CONCEPT.key, _CONCEPT.id, _CONCEPT.label).where(
    _CONCEPT.merged_into_id.is_(None)
)
_CONDITIONS = select(_CONDITION.slug, _CONDITION.id)
_PASSAGES = (
    select(_DOCUMENT.key, _PASSAGE.key, _PASSAGE.id, _PASSAGE.start, _PASSAGE.end)
    .join_from(Document.__table__, Passage.__table__)
    .where(~_DOCUMENT.merged)
)
# Of one claim. Its concepts are kept from being merged away until it is written.
_USED_CONCEPTS = Prepared(
    _CONCEPTS.where(_CONCEPT.key.in_(bindparam("keys", expanding=True)))
    .order_by(_CONCEPT.id)
    .with_for_update(read=True, key_share=True),
)
_OWN_CONDITION = _CONDITIONS.where(_CONDITION.slug == bindparam("slug"))
_CITED_PASSAGES = _PASSAGES.where(
    _DOCUMENT.key.in_(bindparam("documents", expanding=True)),
    _PASSAGE.key.in_(bindparam("passages", expanding=True)),
)


@dataclass(slots=True)
class Names:
    """Ids by natural key, for what claims refer to. What was merged is no name any more.

    ``labels``: of the concepts.
    """

    concepts: dict[str | None, int | None] = field(default_factory=lambda: {None: None})
    labels: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, int] = field(default_factory=dict)
    passages: dict[str, int] = field(default_factory=dict)
    _spans: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def all(cls, session: Session) -> "Names":
        names = cls(conditions=dict(session.execute(_CONDITIONS).all()))
        names._add_concepts(session.execute(_CONCEPTS))
        names._add_passages(session.execute(_PASSAGES))
        return names

    def add_used(self, session: Session, part: ClaimContent, *, cited: bool = True) -> None:
        """Add those that one claim uses and that are not known; ``cited``: its passages too."""
        keys = concept_keys(part) - self.concepts.keys()
        if keys:
            self._add_concepts(_USED_CONCEPTS.all(session, {"keys": sorted(keys)}))
        if part.condition not in self.conditions:
            own = session.execute(_OWN_CONDITION, {"slug": part.condition})
            self.conditions |= dict(own.all())
        if cited:
            places = [citation.passage.partition("/") for citation in part.citations]
            asked = {
                "documents": [document for document, _, _ in places],
                "passages": [passage for _, _, passage in places],
            }
            self._add_passages(session.execute(_CITED_PASSAGES, asked))

    def _add_concepts(self, rows: Iterable[AnyRow]) -> None:
        for key, id_, label in rows:
            self.concepts[key] = id_
            self.labels[key] = label

    def _add_passages(self, rows: Iterable[AnyRow]) -> None:
        for document, passage, id_, start, end in rows:
            self.passages[f"{document}/{passage}"] = id_
            self._spans[f"{document}/{passage}"] = start, end

    def holds(self, cited: CitationSeed) -> bool:
        """Whether the passage is there and the quote lies within it."""
        if cited.passage not in self.passages:
            return False
        start, end = self._spans[cited.passage]
        return cited.start is None or start <= cited.start < (cited.end or 0) <= end


def concept_keys(part: ClaimContent) -> set[str]:
    scope = part.scope
    used = {part.concept, part.subject, *(getattr(scope, one) for one in SCOPE_CONCEPTS)}
    return {key for key in used if key}


def claim_columns(part: ClaimContent, names: Names, vocabulary: Vocabulary) -> dict[str, Any]:
    """The columns of the row of a claim that says what ``part`` says."""
    quantity, scope = part.quantity, part.scope
    return {
        "question": part.question,
        "statement": part.statement,
        "type": vocabulary.question_by_key[part.question].type,
        "condition_id": names.conditions[part.condition],
        "subject_id": names.concepts[part.subject],
        "concept_id": names.concepts[part.concept],
        "quantity_low": quantity.low if quantity else None,
        "quantity_high": quantity.high if quantity else None,
        "quantity_unit": quantity.unit if quantity else None,
        "quantity_as_said": quantity.as_said if quantity else None,
        "words": part.words,
        "polarity": part.polarity,
        **{f"{one}_id": names.concepts[getattr(scope, one)] for one in SCOPE_CONCEPTS},
        "age_low": scope.age_low,
        "age_high": scope.age_high,
        "identity": part.identity,
        "passage_count": len({cited.passage for cited in part.citations}),
        "document_count": len({cited.passage.partition("/")[0] for cited in part.citations}),
    }


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
    filled(row, claim_columns(part, names, vocabulary))
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


class CitationsChange(NamedTuple):
    """Citations that a claim is to have: the ids of its former ones by their key, the new ones
    with the names that they use, and what each of them is worth."""

    former: Mapping[tuple[Any, ...], int]
    citations: Sequence[CitationSeed]
    names: Names
    verifications: Sequence[Verification]


def write_citations(session: Session, claim_id: int, change: CitationsChange) -> None:
    """Those that did not change keep their ids."""
    places: dict[int, int] = dict(session.execute(_PLACES, {"claim": claim_id}).all())
    new: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    kept: set[int] = set()
    for position, cited in enumerate(change.citations, start=1):
        id_ = change.former.get(citation_key(cited))
        if id_ is None:
            own = {"verification": change.verifications[position - 1], "position": position}
            fields = _citation_fields(cited, change.names.passages)
            new.append({**fields, "claim_id": claim_id, **own})
        else:
            kept.add(id_)
            if places[id_] != position:
                moved.append({"row_id": id_, "position": position})
    if moved:
        session.execute(_MOVE, moved)
    if new:
        session.execute(_ADD, new)
    if gone := places.keys() - kept:
        session.execute(_REMOVE, {"ids": sorted(gone)})


# Of the table, not of its class: no object of the session is looked for.
_CITATIONS: Any = Citation.__table__
_PLACES = select(_CITATIONS.c.id, _CITATIONS.c.position).where(
    _CITATIONS.c.claim_id == bindparam("claim")
)
_MOVE = update(_CITATIONS).where(_CITATIONS.c.id == bindparam("row_id"))
_ADD = insert(_CITATIONS)
_REMOVE = delete(_CITATIONS).where(_CITATIONS.c.id.in_(bindparam("ids", expanding=True)))


def _citation_fields(cited: CitationSeed, passages: dict[str, int]) -> dict[str, Any]:
    return cited.model_dump(exclude={"passage"}) | {"passage_id": passages[cited.passage]}


def _citation_content(citation: Citation) -> tuple[Any, ...]:
    return tuple(getattr(citation, name) for name in CITATION_FIELDS)


def filled(row: RowT, fields: dict[str, Any]) -> RowT:
    for name, value in fields.items():
        setattr(row, name, value)
    return row
