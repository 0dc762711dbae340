"""Writing the records of a seed: what is new, what the seed changed, what people own."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, selectinload

from app.commands.changes import ChangeDraft, Event
from app.commands.claim_rows import Names, fill_claim, filled
from app.commands.parts import ROWS_AT_ONCE, in_parts
from app.commands.search import index_claims, index_claims_of_concepts
from app.commands.seed_reports import SeedReport
from app.commands.vocabularies import RETYPED
from app.commands.written import keep_records
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
from app.models.concepts import FOLDED
from app.queries.records import (
    Record,
    claim_records,
    concept_records,
    condition_records,
    document_records,
)
from app.schemas.base import XrefIn
from app.schemas.seed import (
    DESCRIBED,
    ClaimSeed,
    ConceptSeed,
    ConditionSeed,
    DocumentSeed,
    Seed,
)
from app.text import folded
from app.vocabulary import ClaimStatus, Verification, Vocabulary

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
        self._verified: set[str] = set()
        self._replaced: set[str] = set()

    def write(self, seed: Seed) -> set[int]:
        """Write all of it; the ids of the conditions whose conflicts it touches."""
        concepts_changed = self._write_concepts(seed.concepts)
        self._write_conditions(seed.conditions)
        documents = self._fill_documents(seed.documents)
        self._verified = {document.key for document in seed.documents if document.verified}
        self._replaced = self._documents_of_another_text(seed.documents)
        claims = self._fill_claims(seed.claims)
        self._drop_passages(documents)
        self._finish("document", documents, document_records)
        self._finish("claim", claims, claim_records)
        index_claims(self._session, [row.id for row, _ in claims])
        index_claims_of_concepts(self._session, concepts_changed)
        touched = {row.condition_id for row, _ in claims}
        if concepts_changed or documents:
            touched = set(self._session.scalars(select(Condition.id)))
        self._report.missing = sorted(
            f"{record_type} {key}" for record_type, key in self._known.keys() - self._seen
        )
        return touched

    def _write_concepts(self, parts: Sequence[ConceptSeed]) -> list[int]:
        """The ids of those that it wrote."""
        rows = self._rows(Concept, Concept.key, [part.key for part in parts], _CONCEPT_LOADS)
        changed = []
        for part in parts:
            row = self._row_to_write(
                "concept", part.key, part, rows, lambda: Concept(version=1, broader=[])
            )
            if row is None:
                continue
            row.key, row.label, row.kind = part.key, part.label, part.kind
            row.description = part.description
            row.xrefs = [
                ConceptXref(curie=xref.id, fit=xref.fit, position=position)
                for position, xref in _unique_xrefs(part.xrefs)
            ]
            row.synonyms = [
                ConceptSynonym(term=term, folded=folded(term)[:FOLDED], position=position)
                for position, term in enumerate(part.synonyms)
            ]
            changed.append((row, part))
        self._session.flush()
        ids = {row.key: row.id for row in rows.values()}
        for row, part in changed:
            row.broader = [ConceptBroader(broader_id=ids[key]) for key in sorted(part.broader)]
        self._finish("concept", [(row, part) for row, part in changed], concept_records)
        return [row.id for row, _ in changed]

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

    def _fill_documents(self, parts: Sequence[DocumentSeed]) -> list[tuple[Document, DocumentSeed]]:
        keys = [part.key for part in parts]
        rows = self._rows(Document, Document.key, keys, _DOCUMENT_LOADS)
        changed: list[tuple[Document, DocumentSeed]] = []
        for part in parts:
            row = self._row_to_write("document", part.key, part, rows, lambda: Document(version=1))
            if row is None:
                continue
            for name in DESCRIBED:
                setattr(row, name, getattr(part, name))
            row.uncited = [span.model_dump() for span in part.uncited]
            former = {passage.key: passage for passage in row.passages} if row.id else {}
            passages = [
                filled(former.pop(p.key, None) or Passage(), p.model_dump()) for p in part.passages
            ]
            # Those that the seed dropped stay until their citations are gone.
            row.passages = [*passages, *former.values()]
            for position, passage in enumerate(row.passages, start=1):
                passage.position = position
            changed.append((row, part))
        self._session.flush()
        return changed

    def _documents_of_another_text(self, parts: Sequence[DocumentSeed]) -> set[str]:
        """Those whose text people replaced: the seed's offsets are not of it."""
        digests = dict(self._session.execute(select(Document.key, Document.sha256)).all())
        return {part.key for part in parts if part.sha256 not in {None, digests.get(part.key)}}

    def _drop_passages(self, changed: Sequence[tuple[Document, DocumentSeed]]) -> None:
        """Remove the passages that the seed dropped, except those that a claim still cites."""
        self._session.flush()
        for row, part in changed:
            wanted = {passage.key for passage in part.passages}
            for passage in [passage for passage in row.passages if passage.key not in wanted]:
                cited = select(exists().where(Citation.passage_id == passage.id))
                if self._session.scalar(cited):
                    self._report.left.append(f"passage {row.key}/{passage.key}")
                else:
                    row.passages.remove(passage)

    def _fill_claims(self, parts: Sequence[ClaimSeed]) -> list[tuple[Claim, ClaimSeed]]:
        rows = self._rows(Claim, Claim.key, [part.key for part in parts], _CLAIM_LOADS)
        names = Names.all(self._session)
        wanted: dict[str, ClaimSeed] = {}
        for part in parts:
            if not self._may_write("claim", part.key, part, rows):
                continue
            if all(map(names.holds, part.citations)) and not self._replaced & _documents(part):
                wanted[part.key] = part
            else:  # people changed the document: it is not as the seed says
                self._leave("claim", part.key)
        self._leave_those_under_other_keys(wanted)
        self._release_identities(wanted, rows)
        changed = []
        for part in wanted.values():
            row = self._begin(part.key, rows, _new_claim)
            row.key = part.key
            fill_claim(row, part, names, self._vocabulary, self._verifications(part))
            changed.append((row, part))
        return changed

    def _verifications(self, part: ClaimSeed) -> list[Verification]:
        """A document says whether its citations were compared with the text."""
        return [
            Verification.verified
            if cited.quote is not None and cited.passage.partition("/")[0] in self._verified
            else Verification.unverified
            for cited in part.citations
        ]

    def _leave_those_under_other_keys(self, wanted: dict[str, ClaimSeed]) -> None:
        """Take out what exists under another key, unless the seed makes that something else."""
        rows = self._session.execute(select(Claim.identity, Claim.key).where(LIVE_CLAUSE))
        live = dict(rows.all())
        identities = {key: part.identity for key, part in wanted.items()}
        while blocked := [
            key
            for key in wanted
            if (holder := live.get(identities[key], key)) != key and holder not in wanted
        ]:
            for key in blocked:
                self._leave("claim", key)
                del wanted[key]

    def _release_identities(
        self, wanted: Mapping[str, ClaimSeed], rows: Mapping[str, Claim]
    ) -> None:
        """Let claims exchange identities, which no two may hold even for a moment."""
        for key, part in wanted.items():
            row = rows.get(key)
            if row is not None and row.identity != part.identity:
                row.identity = f"moving {row.id}"
        self._session.flush()

    def _rows(
        self, model: type[RowT], column: Any, keys: Sequence[str], options: Sequence[Any]
    ) -> dict[str, RowT]:
        """The rows of these keys that are there already."""
        found: dict[str, RowT] = {}
        for part in in_parts(keys):
            wanted = select(model).where(column.in_(part)).options(*options)
            for row in self._session.scalars(wanted):
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
        if not self._may_write(record_type, key, part, rows):
            return None
        return self._begin(key, rows, create)

    def _may_write(
        self, record_type: str, key: str, part: BaseModel, rows: Mapping[str, Any]
    ) -> bool:
        """Whether the part is new, or differs and its record is the seed's own."""
        self._seen.add((record_type, key))
        known = self._known.get((record_type, key))
        row = rows.get(key)
        if row is None:
            return True
        if known is not None and known.digest == self._digest(part):
            return False
        if known is None or not self._is_the_seeds(record_type, row):
            self._leave(record_type, key)
            return False
        return True

    def _begin(self, key: str, rows: dict[str, Any], create: Callable[[], Any]) -> Any:
        row = rows.get(key)
        if row is None:
            row = rows[key] = create()
            row.created_at = self._now
            self._session.add(row)
        else:
            row.version += 1
        row.updated_at = self._now
        return row

    def _is_the_seeds(self, record_type: str, row: Any) -> bool:
        """Whether what the record says now was written by the seed."""
        origin = self._session.scalar(
            select(Change.origin)
            .join(Revision, Revision.change == Change.number)
            .where(
                Revision.record_type == record_type,
                Revision.record_id == row.id,
                Revision.action != RETYPED,
            )
            .order_by(Revision.version.desc())
            .limit(1),
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
            if record_type == "claim":
                keep_records(self._session, snapshots)
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
        known.record_id, known.digest = row.id, self._digest(part)

    def _digest(self, part: BaseModel) -> str:
        """Of all that the seed says of a record; a document says what its citations are worth."""
        content = part.model_dump(mode="json")
        if isinstance(part, ClaimSeed):
            content["verified"] = sorted(_documents(part) & self._verified)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_CONCEPT_LOADS = [
    selectinload(Concept.synonyms),
    selectinload(Concept.broader),
    selectinload(Concept.xrefs),
]
_CONDITION_LOADS = [selectinload(Condition.aliases), selectinload(Condition.xrefs)]
_DOCUMENT_LOADS = [selectinload(Document.passages)]
_CLAIM_LOADS = [selectinload(Claim.citations)]


def _documents(part: ClaimSeed) -> set[str]:
    """The keys of the documents that it cites."""
    return {citation.passage.partition("/")[0] for citation in part.citations}


def _new_claim() -> Claim:
    return Claim(version=1, status=ClaimStatus.published, citations=[])


def _unique_xrefs(xrefs: Iterable[XrefIn]) -> list[tuple[int, XrefIn]]:
    return list(enumerate({xref.id: xref for xref in xrefs}.values()))


def _condition_of(row: Any) -> int | None:
    if isinstance(row, Condition):
        return row.id
    return row.condition_id if isinstance(row, Claim) else None
