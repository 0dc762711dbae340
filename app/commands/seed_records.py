"""Writing the records of a seed: what is new, what the seed changed, what people own."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.commands.changes import ROWS_AT_ONCE, ChangeDraft, Event
from app.commands.seed_reports import SeedReport
from app.models import (
    Change,
    Citation,
    Claim,
    Concept,
    ConceptBroader,
    ConceptSynonym,
    ConceptXref,
    Condition,
    ConditionAlias,
    ConditionXref,
    Document,
    Passage,
    Revision,
    SeedRecord,
)
from app.models.base import utc_now
from app.models.claims import LIVE_CLAUSE
from app.queries.records import (
    Record,
    claim_records,
    concept_records,
    condition_records,
    document_records,
)
from app.schemas.base import XrefIn
from app.schemas.seed import (
    CitationSeed,
    ClaimSeed,
    ConceptSeed,
    ConditionSeed,
    DocumentSeed,
    Seed,
)
from app.text import folded
from app.vocabulary import ClaimStatus, ScopePart, Verification, Vocabulary

RowT = TypeVar("RowT")


class SeedWriter:
    """Writes one seed, in the order in which its parts refer to each other.

    A part is applied only if it differs from what the seed last said and the record's
    current revision was written by the seed; otherwise it is left and reported.
    """

    def __init__(
        self,
        session: Session,
        draft: ChangeDraft,
        report: SeedReport,
        vocabulary: Vocabulary,
    ) -> None:
        self._session = session
        self._draft = draft
        self._report = report
        self._vocabulary = vocabulary
        self._now = utc_now()
        rows = session.scalars(select(SeedRecord))
        self._known = {(row.record_type, row.key): row for row in rows}
        self._seen: set[tuple[str, str]] = set()

    def write(self, seed: Seed) -> set[int]:
        """Write all of it; the ids of the conditions whose conflicts it touches."""
        concepts_changed = self._write_concepts(seed.concepts)
        self._write_conditions(seed.conditions)
        documents_changed = self._write_documents(seed.documents)
        touched = self._write_claims(seed.claims)
        if concepts_changed or documents_changed:
            touched = set(self._session.scalars(select(Condition.id)))
        self._report.missing = sorted(
            f"{record_type} {key}" for record_type, key in self._known.keys() - self._seen
        )
        return touched

    def _write_concepts(self, parts: Sequence[ConceptSeed]) -> bool:
        rows = self._rows(Concept, Concept.key, [part.key for part in parts], _CONCEPT_LOADS)
        changed = []
        for part in parts:
            row = self._row_to_write("concept", part.key, part, rows, lambda: Concept(version=1, broader=[]))
            if row is None:
                continue
            row.key, row.label, row.kind = part.key, part.label, part.kind
            row.description = part.description
            row.xrefs = [
                ConceptXref(curie=xref.id, fit=xref.fit, position=position)
                for position, xref in _unique_xrefs(part.xrefs)
            ]
            row.synonyms = [
                ConceptSynonym(term=term, folded=folded(term), position=position)
                for position, term in enumerate(part.synonyms)
            ]
            changed.append((row, part))
        self._session.flush()
        ids = {row.key: row.id for row in rows.values()}
        for row, part in changed:
            row.broader = [ConceptBroader(broader_id=ids[key]) for key in sorted(part.broader)]
        self._finish("concept", [(row, part) for row, part in changed], concept_records)
        return bool(changed)

    def _write_conditions(self, parts: Sequence[ConditionSeed]) -> None:
        slugs = [part.slug for part in parts]
        rows = self._rows(Condition, Condition.slug, slugs, _CONDITION_LOADS)
        changed = []
        for part in parts:
            row = self._row_to_write(
                "condition", part.slug, part, rows, lambda: Condition(version=1)
            )
            if row is None:
                continue
            row.slug, row.name, row.description = part.slug, part.name, part.description
            row.aliases = [ConditionAlias(slug=a.slug, name=a.name) for a in part.aliases]
            row.xrefs = [
                ConditionXref(curie=xref.id, fit=xref.fit, position=position)
                for position, xref in _unique_xrefs(part.xrefs)
            ]
            changed.append((row, part))
        self._finish("condition", changed, condition_records)

    def _write_documents(self, parts: Sequence[DocumentSeed]) -> bool:
        keys = [part.key for part in parts]
        rows = self._rows(Document, Document.key, keys, _DOCUMENT_LOADS)
        changed = []
        for part in parts:
            row = self._row_to_write("document", part.key, part, rows, lambda: Document(version=1))
            if row is None:
                continue
            for name in _DOCUMENT_FIELDS:
                setattr(row, name, getattr(part, name))
            row.uncited = [span.model_dump() for span in part.uncited]
            former = {passage.key: passage for passage in row.passages} if row.id else {}
            row.passages = [
                _filled(former.get(p.key) or Passage(), p.model_dump() | {"position": position})
                for position, p in enumerate(part.passages, start=1)
            ]
            changed.append((row, part))
        self._finish("document", changed, document_records)
        return bool(changed)

    def _write_claims(self, parts: Sequence[ClaimSeed]) -> set[int]:
        rows = self._rows(Claim, Claim.key, [part.key for part in parts], _CLAIM_LOADS)
        names = _Names(self._session)
        live = self._identities()
        changed = []
        for part in parts:
            if live.get(part.identity, part.key) != part.key:
                self._leave("claim", part.key)
                continue
            row = self._row_to_write("claim", part.key, part, rows, _new_claim)
            if row is None:
                continue
            self._fill_claim(row, part, names)
            changed.append((row, part))
        self._finish("claim", changed, claim_records)
        return {row.condition_id for row, _ in changed}

    def _identities(self) -> dict[str, str]:
        """Identity -> key of the claims that are not withdrawn."""
        rows = self._session.execute(select(Claim.identity, Claim.key).where(LIVE_CLAUSE))
        return {identity: key for identity, key in rows}  # noqa: C416 - rows are not pairs to mypy

    def _fill_claim(self, row: Claim, part: ClaimSeed, names: "_Names") -> None:
        row.key, row.question, row.statement = part.key, part.question, part.statement
        row.type = self._vocabulary.question_by_key[part.question].type
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
        former = {_citation_content(citation): citation for citation in row.citations}
        row.citations = []
        for position, cited in enumerate(part.citations, start=1):
            fresh = _filled(Citation(), _citation_fields(cited, names.passages))
            kept = former.get(_citation_content(fresh), fresh)
            kept.position = position
            row.citations.append(kept)

    def _rows(
        self, model: type[RowT], column: Any, keys: Sequence[str], options: Sequence[Any]
    ) -> dict[str, RowT]:
        """The rows of these keys that are there already."""
        found: dict[str, RowT] = {}
        for first in range(0, len(keys), ROWS_AT_ONCE):
            wanted = column.in_(keys[first : first + ROWS_AT_ONCE])
            for row in self._session.scalars(select(model).where(wanted).options(*options)):
                found[getattr(row, column.key)] = row
        return found

    def _row_to_write(
        self,
        record_type: str,
        key: str,
        part: BaseModel,
        rows: dict[str, Any],
        create: Callable[[], Any],
    ) -> Any:
        """The row that the part is to be written to, or None where it is left alone."""
        self._seen.add((record_type, key))
        known = self._known.get((record_type, key))
        row = rows.get(key)
        if row is None:
            row = rows[key] = create()
            row.created_at = row.updated_at = self._now
            self._session.add(row)
            return row
        if known is not None and known.digest == _digest(part):
            return None
        if known is None or not self._is_the_seeds(record_type, row):
            self._leave(record_type, key)
            return None
        row.updated_at = self._now
        row.version += 1
        return row

    def _is_the_seeds(self, record_type: str, row: Any) -> bool:
        origin = self._session.scalar(
            select(Change.origin)
            .join(Revision, Revision.change == Change.number)
            .where(
                Revision.record_type == record_type,
                Revision.record_id == row.id,
                Revision.version == row.version,
            ),
        )
        return origin == "seed"

    def _leave(self, record_type: str, key: str) -> None:
        self._seen.add((record_type, key))
        self._report.left.append(f"{record_type} {key}")

    def _finish(
        self,
        record_type: str,
        changed: Sequence[tuple[Any, BaseModel]],
        records: Callable[[Session, Sequence[int]], dict[int, Record]],
    ) -> None:
        """Note what the seed said of each row, and add the events."""
        self._session.flush()
        for row, part in changed:
            self._note(record_type, row, part)
        for first in range(0, len(changed), ROWS_AT_ONCE):
            rows = [row for row, _ in changed[first : first + ROWS_AT_ONCE]]
            snapshots = records(self._session, [row.id for row in rows])
            for row in rows:
                self._draft.events.append(
                    Event(
                        record_type,
                        row.id,
                        row.version,
                        "created" if row.version == 1 else "updated",
                        snapshots[row.id],
                        _condition_of(row),
                    ),
                )

    def _note(self, record_type: str, row: Any, part: BaseModel) -> None:
        key = row.slug if isinstance(row, Condition) else row.key
        counts = self._report.created if row.version == 1 else self._report.updated
        counts[record_type] += 1
        known = self._known.get((record_type, key))
        if known is None:
            known = SeedRecord(record_type=record_type, key=key)
            self._session.add(known)
        known.record_id, known.digest = row.id, _digest(part)


class _Names:
    """Ids by natural key, for what claims refer to."""

    def __init__(self, session: Session) -> None:
        self.concepts: dict[str | None, int | None] = {None: None}
        self.concepts |= dict(session.execute(select(Concept.key, Concept.id)).tuples().all())
        self.conditions = dict(session.execute(select(Condition.slug, Condition.id)).tuples().all())
        self.passages = {
            f"{document}/{passage}": id_
            for document, passage, id_ in session.execute(
                select(Document.key, Passage.key, Passage.id).join(
                    Passage, Passage.document_id == Document.id
                ),
            )
        }


_CONCEPT_LOADS = [
    selectinload(Concept.synonyms),
    selectinload(Concept.broader),
    selectinload(Concept.xrefs),
]
_CONDITION_LOADS = [selectinload(Condition.aliases), selectinload(Condition.xrefs)]
_DOCUMENT_LOADS = [selectinload(Document.passages)]
_CLAIM_LOADS = [selectinload(Claim.citations)]
_DOCUMENT_FIELDS = (
    "key",
    "title",
    "url",
    "publisher",
    "family",
    "language",
    "licence",
    "published_on",
    "retrieved_on",
    "sha256",
    "length",
)
_CITATION_FIELDS = (
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


def _new_claim() -> Claim:
    return Claim(version=1, status=ClaimStatus.published, citations=[])


def _citation_fields(cited: CitationSeed, passages: dict[str, int]) -> dict[str, Any]:
    fields = cited.model_dump(exclude={"passage"})
    return fields | {
        "passage_id": passages[cited.passage],
        # The seed's text is not at hand here: ``check --document`` compares it.
        "verification": Verification.unverified,
    }


def _citation_content(citation: Citation) -> tuple[Any, ...]:
    return tuple(getattr(citation, name) for name in _CITATION_FIELDS)


def _filled(row: RowT, fields: dict[str, Any]) -> RowT:
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def _unique_xrefs(xrefs: Iterable[XrefIn]) -> list[tuple[int, XrefIn]]:
    return list(enumerate({xref.id: xref for xref in xrefs}.values()))


def _condition_of(row: Any) -> int | None:
    if isinstance(row, Condition):
        return row.id
    return row.condition_id if isinstance(row, Claim) else None


def _digest(part: BaseModel) -> str:
    canonical = json.dumps(part.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
