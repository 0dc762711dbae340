"""Records as they are answered and kept in revisions: plain data, ids and keys resolved.

A record is what was said or decided. What is computed from it (flags, counts, conflicts)
is added by the queries that answer, and is never part of a revision.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Row, Select, bindparam, select
from sqlalchemy.orm import Session

from app.identifiers import Prefix, public_id
from app.models import (
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
    StoredVocabulary,
)
from app.queries.prepared import Prepared
from app.vocabulary import ScopePart

Record = dict[str, Any]
AnyRow = Row[*tuple[Any, ...]]


def stamp(moment: datetime) -> str:
    """UTC with microseconds and ``Z``, of one length, so that times also sort as text."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def reference(prefix: Prefix, number: int | None) -> str | None:
    return None if number is None else public_id(prefix, number)


# Statements that every list needs are made once: making them takes longer than answering them.
# Of tables, since rows of models go through the loading of objects, which takes twice as long.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_NOT_IN_RECORD = {"identity"}
_CLAIM, _CONDITION, _CONCEPT = Claim.__table__.c, Condition.__table__.c, Concept.__table__.c
_CITATION, _PASSAGE, _DOCUMENT = Citation.__table__.c, Passage.__table__.c, Document.__table__.c
_CLAIMS: Select[*tuple[Any, ...]] = (
    select(
        *(column for column in _CLAIM if column.name not in _NOT_IN_RECORD),
        _CONDITION.slug,
        _CONDITION.name,
    )
    .join_from(Claim.__table__, Condition.__table__)
    .where(_CLAIM.id.in_(_IDS))
)
_SCOPE_COLUMNS = tuple((part.value, f"{part}_id") for part in ScopePart)
_CONCEPT_COLUMNS = ("concept_id", "subject_id", *(column for _, column in _SCOPE_COLUMNS))
_CONCEPTS = select(_CONCEPT.id, _CONCEPT.key, _CONCEPT.label).where(_CONCEPT.id.in_(_IDS))
_CITATIONS: Select[*tuple[Any, ...]] = (
    select(
        *_CITATION,
        _PASSAGE.key,
        _PASSAGE.heading,
        _PASSAGE.document_id,
        _DOCUMENT.key.label("document_key"),
    )
    .join_from(Citation.__table__, Passage.__table__)
    .join(Document.__table__, _DOCUMENT.id == _PASSAGE.document_id)
    .where(_CITATION.claim_id.in_(_IDS))
    .order_by(_CITATION.claim_id, _CITATION.position)
)


def claim_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    """The claims of these ids with their citations; three statements, however many."""
    return {id_: record for id_, (_, record) in claim_rows(session, ids).items()}


def claim_rows(session: Session, ids: Sequence[int]) -> dict[int, tuple[AnyRow, Record]]:
    """With each record the row that it was made of, which has what is computed."""
    asked = {"ids": list(ids)}
    rows = session.execute(_CLAIMS, asked).all()
    concepts = _concept_labels(session, rows)
    citations = _citation_records(session, asked)
    return {row.id: (row, _claim_record(row, concepts, citations[row.id])) for row in rows}


def _concept_labels(session: Session, rows: Iterable[AnyRow]) -> dict[int | None, Record | None]:
    wanted = {value for row in rows for name in _CONCEPT_COLUMNS if (value := getattr(row, name))}
    labels: dict[int | None, Record | None] = {None: None}
    if wanted:
        found = session.execute(_CONCEPTS, {"ids": list(wanted)})
        labels.update({id_: {"key": key, "label": label} for id_, key, label in found})
    return labels


def _citation_records(
    session: Session, asked: Mapping[str, Sequence[int]]
) -> dict[int, list[Record]]:
    found: dict[int, list[Record]] = defaultdict(list)
    for row in session.execute(_CITATIONS, asked):
        found[row.claim_id].append(
            {
                "id": public_id(Prefix.citation, row.id),
                "document": {
                    "id": public_id(Prefix.document, row.document_id),
                    "key": row.document_key,
                },
                "passage": {
                    "id": public_id(Prefix.passage, row.passage_id),
                    "key": row.key,
                    "heading": row.heading,
                },
                "start": row.start,
                "end": row.end,
                "quote": row.quote,
                "locator": row.locator,
                "certainty": row.certainty.value,
                "frequency": row.frequency.value,
                "exclusivity": row.exclusivity.value,
                "hedge": row.hedge,
                "subject_words": row.subject_words,
                "verification": row.verification.value,
            },
        )
    return found


def _claim_record(
    row: AnyRow,
    concepts: dict[int | None, Record | None],
    citations: list[Record],
) -> Record:
    quantity = None
    if row.quantity_as_said is not None:
        quantity = {
            "low": row.quantity_low,
            "high": row.quantity_high,
            "unit": row.quantity_unit,
            "as_said": row.quantity_as_said,
        }
    scope: Record = {name: concepts[getattr(row, column)] for name, column in _SCOPE_COLUMNS}
    scope |= {"age_low": row.age_low, "age_high": row.age_high}
    return {
        "id": public_id(Prefix.claim, row.id),
        "key": row.key,
        "version": row.version,
        "status": row.status.value,
        "condition": {"slug": row.slug, "name": row.name},
        "type": row.type,
        "question": row.question,
        "statement": row.statement,
        "subject": concepts[row.subject_id],
        "concept": concepts[row.concept_id],
        "quantity": quantity,
        "words": row.words,
        "polarity": row.polarity.value,
        "scope": scope if any(value is not None for value in scope.values()) else None,
        "citations": citations,
        "replaced_by": reference(Prefix.claim, row.replaced_by_id),
        "merged": row.merged,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _parts(owner: Any, *shown: Any, by: Any) -> Select[*tuple[Any, ...]]:
    """Rows behind the owner that they belong to, in their order; ``_gather`` takes them."""
    return select(owner, *shown).where(owner.in_(_IDS)).order_by(owner, by)


_WHOLE_CONCEPTS = select(Concept).where(Concept.id.in_(_IDS))
_SYNONYMS = _parts(ConceptSynonym.concept_id, ConceptSynonym.term, by=ConceptSynonym.position)
_BROADER = _parts(ConceptBroader.concept_id, Concept.key, Concept.label, by=Concept.key).join(
    Concept, Concept.id == ConceptBroader.broader_id
)
_CONCEPT_XREFS = _parts(
    ConceptXref.concept_id, ConceptXref.curie, ConceptXref.fit, by=ConceptXref.position
)


def concept_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    asked = {"ids": list(ids)}
    rows = session.scalars(_WHOLE_CONCEPTS, asked).all()
    targets = {row.merged_into_id for row in rows} - {None}
    keys = {row.id: row.key for row in session.execute(_CONCEPTS, {"ids": list(targets)})}
    synonyms = _gather(session.execute(_SYNONYMS, asked))
    broader = _gather(session.execute(_BROADER, asked))
    xrefs = _gather(session.execute(_CONCEPT_XREFS, asked))
    return {
        row.id: {
            "id": public_id(Prefix.concept, row.id),
            "key": row.key,
            "version": row.version,
            "label": row.label,
            "kind": row.kind,
            "description": row.description,
            "synonyms": [term for (term,) in synonyms[row.id]],
            "broader": [{"key": key, "label": label} for key, label in broader[row.id]],
            "xrefs": [{"id": curie, "fit": fit} for curie, fit in xrefs[row.id]],
            "merged_into": None if row.merged_into_id is None else keys[row.merged_into_id],
            "created_at": stamp(row.created_at),
            "updated_at": stamp(row.updated_at),
        }
        for row in rows
    }


_CONDITIONS = Prepared(select(*_CONDITION).where(_CONDITION.id.in_(_IDS)))
_ALIASES = Prepared(
    _parts(
        ConditionAlias.condition_id,
        ConditionAlias.slug,
        ConditionAlias.name,
        by=ConditionAlias.slug,
    ),
)
_CONDITION_XREFS = Prepared(
    _parts(
        ConditionXref.condition_id,
        ConditionXref.curie,
        ConditionXref.fit,
        by=ConditionXref.position,
    ),
)


def condition_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    session.flush()  # as models would have it: tables are read as they are
    asked = {"ids": list(ids)}
    rows = _CONDITIONS.all(session, asked)
    aliases = _gather(_ALIASES.all(session, asked))
    xrefs = _gather(_CONDITION_XREFS.all(session, asked))
    return {
        row.id: {
            "id": public_id(Prefix.condition, row.id),
            "slug": row.slug,
            "version": row.version,
            "name": row.name,
            "aliases": [{"slug": slug, "name": name} for slug, name in aliases[row.id]],
            "description": row.description,
            "xrefs": [{"id": curie, "fit": fit} for curie, fit in xrefs[row.id]],
            "created_at": stamp(row.created_at),
            "updated_at": stamp(row.updated_at),
        }
        for row in rows
    }


_DOCUMENTS = Prepared(select(*_DOCUMENT).where(_DOCUMENT.id.in_(_IDS)))
_PASSAGES = Prepared(
    select(*_PASSAGE)
    .where(_PASSAGE.document_id.in_(_IDS))
    .order_by(_PASSAGE.document_id, _PASSAGE.position)
)


def document_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    session.flush()
    asked = {"ids": list(ids)}
    rows = _DOCUMENTS.all(session, asked)
    passages: dict[int, list[AnyRow]] = defaultdict(list)
    for passage in _PASSAGES.all(session, asked):
        passages[passage.document_id].append(passage)
    return {
        row.id: {
            "id": public_id(Prefix.document, row.id),
            "key": row.key,
            "version": row.version,
            "status": row.status.value,
            "title": row.title,
            "url": row.url,
            "publisher": row.publisher,
            "family": row.family,
            "language": row.language,
            "licence": row.licence,
            "published_on": row.published_on.isoformat() if row.published_on else None,
            "retrieved_on": row.retrieved_on.isoformat() if row.retrieved_on else None,
            "sha256": row.sha256,
            "length": row.length,
            "text_held": row.text_held,
            "replaced_by": reference(Prefix.document, row.replaced_by_id),
            "merged": row.merged,
            "passages": [
                {
                    "id": public_id(Prefix.passage, passage.id),
                    "key": passage.key,
                    "heading": passage.heading,
                    "start": passage.start,
                    "end": passage.end,
                }
                for passage in passages[row.id]
            ],
            "uncited": row.uncited,
            "created_at": stamp(row.created_at),
            "updated_at": stamp(row.updated_at),
        }
        for row in rows
    }


def vocabulary_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    rows = session.scalars(select(StoredVocabulary).where(StoredVocabulary.id.in_(ids)))
    return {row.id: vocabulary_record(row) for row in rows}


def vocabulary_record(row: StoredVocabulary) -> Record:
    return {
        "version": row.version,
        "number": row.number,
        "digest": row.digest,
        "body": row.body,
    }


def _gather(rows: Iterable[AnyRow]) -> dict[int, list[tuple[Any, ...]]]:
    """By their first column."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for first, *rest in rows:
        found[first].append(tuple(rest))
    return found
