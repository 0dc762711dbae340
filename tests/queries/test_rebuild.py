"""Rows made from records are the rows that the records were made from."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

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
    Conflict,
    ConflictClaim,
    Document,
    Passage,
    StoredVocabulary,
)
from app.queries.conflicts import conflict_records
from app.queries.rebuild import RECORD_TYPES, insert_records
from app.queries.records import (
    Record,
    claim_records,
    concept_records,
    condition_records,
    document_records,
    vocabulary_record,
)

MODELS: tuple[Any, ...] = (
    StoredVocabulary,
    Concept,
    ConceptSynonym,
    ConceptBroader,
    ConceptXref,
    Document,
    Passage,
    Condition,
    ConditionAlias,
    ConditionXref,
    Claim,
    Citation,
    Conflict,
    ConflictClaim,
)
READERS: dict[str, tuple[Any, Callable[[Session, list[int]], dict[int, Record]]]] = {
    "concept": (Concept, concept_records),
    "document": (Document, document_records),
    "condition": (Condition, condition_records),
    "claim": (Claim, claim_records),
    "conflict": (Conflict, conflict_records),
}


def rows_of(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, in the order of its key."""
    found = {}
    for model in MODELS:
        table = model.__table__
        ordered = select(*table.columns).order_by(*table.primary_key.columns)
        found[table.name] = [dict(row) for row in session.execute(ordered).mappings()]
    return found


def all_records(session: Session) -> dict[str, list[Record]]:
    """Every record by type."""
    stored = session.scalars(select(StoredVocabulary))
    records = {"vocabulary": [vocabulary_record(row) | {"id": row.id} for row in stored]}
    for record_type, (model, read) in READERS.items():
        ids = list(session.scalars(select(model.id).order_by(model.id)))
        found = read(session, ids)
        records[record_type] = [found[id_] for id_ in ids]
    return records


def test_rows_made_from_records_equal_the_rows_that_they_came_from(
    milia_session: Session,
    session: Session,
) -> None:
    session.execute(delete(StoredVocabulary))
    records = all_records(milia_session)

    for record_type in RECORD_TYPES:
        insert_records(session, record_type, records[record_type])

    assert rows_of(session) == rows_of(milia_session)


def test_records_from_before_a_field_was_there_get_its_default(
    milia_session: Session,
    session: Session,
) -> None:
    session.execute(delete(StoredVocabulary))
    records = all_records(milia_session)
    later = ("replaced_by", "merged", "text_held", "merged_into", "decision", "decision_status")
    for record in (record for listed in records.values() for record in listed):
        for name in later:
            record.pop(name, None)

    for record_type in RECORD_TYPES:
        insert_records(session, record_type, records[record_type])

    assert rows_of(session) == rows_of(milia_session)
