"""The past of a condition as a small base, on which every query runs unchanged.

It is built from the revisions that were valid then, and never recomputed.
"""

from collections.abc import Collection, Iterator, Mapping

from sqlalchemy import insert, or_, select, text
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable

from app.identifiers import Prefix, number_of
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
    Conflict,
    ConflictClaim,
    Document,
    Model,
    Passage,
    Revision,
    StoredVocabulary,
    WrittenClaim,
)
from app.queries.moments import Moment, records_at, records_of_condition_at
from app.queries.rebuild import insert_records
from app.queries.records import Record
from app.queries.search import FTS5, claim_texts, fts5_rows
from app.search_text import claim_words
from app.vocabulary import ClaimStatus, ScopePart

TABLES: tuple[type[Model], ...] = (
    Change,
    Revision,
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
    WrittenClaim,
)
# As the migration makes it.
FTS5_TABLE = (
    "CREATE VIRTUAL TABLE fts_claims USING fts5("
    "statement, labels, quotes, tokenize = \"ascii tokenchars '=_'\")"
)


def fill_past(live: Session, past: Session, condition_id: int, moment: Moment) -> None:
    """Fill an empty base with a condition as it stood, and with all that it refers to.

    Only concepts and documents that the condition used are there, with the broader ones and
    those that were merged into them.
    """
    _make_tables(past)
    claims = records_of_condition_at(live, moment, "claim", condition_id)
    conflicts = records_of_condition_at(live, moment, "conflict", condition_id)
    records: dict[str, Mapping[int, Record]] = {
        "concept": _concepts(live, moment, [*claims.values(), *conflicts.values()]),
        "document": _documents(live, moment, claims),
        "condition": records_at(live, moment, "condition", [condition_id]),
        "claim": claims,
        "conflict": conflicts,
    }
    for record_type, found in records.items():
        insert_records(past, record_type, [found[id_] for id_ in sorted(found)])
    _copy_history(live, past, moment, claims)
    words = {id_: claim_words(own) for id_, own in claim_texts(past, sorted(claims)).items()}
    if words:
        past.execute(insert(FTS5), fts5_rows(words))


def _make_tables(past: Session) -> None:
    """As the models have them: no migration has to bring such a base further."""
    for model in TABLES:
        table = model.metadata.tables[model.__tablename__]
        past.execute(CreateTable(table))
        for index in table.indexes:
            past.execute(CreateIndex(index))
    past.execute(text(FTS5_TABLE))


def _concepts(live: Session, moment: Moment, users: Collection[Record]) -> dict[int, Record]:
    """The concepts that are named, and all that are broader than these."""
    keys = {key for record in users for key in _named(record)}
    found: dict[int, Record] = {}
    wanted = _concept_ids(live, keys)
    while wanted:
        more = records_at(live, moment, "concept", wanted)
        found |= more
        broader = {part["key"] for record in more.values() for part in record["broader"]}
        wanted = _concept_ids(live, broader) - found.keys()
    merged = live.scalars(select(Concept.id).where(Concept.merged_into_id.in_(list(found)))).all()
    known = {record["key"] for record in found.values()}
    for id_, record in records_at(live, moment, "concept", set(merged) - found.keys()).items():
        if record.get("merged_into") in known:
            found[id_] = record | {"broader": []}
    return found


def _named(record: Record) -> Iterator[str]:
    scope = record.get("scope") or {}
    places = (record["subject"], record.get("concept"), *(scope.get(p.value) for p in ScopePart))
    yield from (place["key"] for place in places if place is not None)


def _concept_ids(live: Session, keys: Collection[str]) -> set[int]:
    return set(live.scalars(select(Concept.id).where(Concept.key.in_(list(keys)))))


def _documents(live: Session, moment: Moment, claims: Mapping[int, Record]) -> dict[int, Record]:
    """The documents that are cited, and those that were merged into them."""
    cited = {
        number_of(Prefix.document, citation["document"]["id"])
        for record in claims.values()
        for citation in record["citations"]
    }
    merged = select(Document.id).where(Document.merged, Document.replaced_by_id.in_(list(cited)))
    found = records_at(live, moment, "document", cited)
    others = records_at(live, moment, "document", set(live.scalars(merged)) - cited)
    return found | {id_: record for id_, record in others.items() if record.get("merged")}


def _copy_history(
    live: Session,
    past: Session,
    moment: Moment,
    claims: Mapping[int, Record],
) -> None:
    """The change of the moment; of withdrawn claims, how they were withdrawn."""
    withdrawn = [id_ for id_, own in claims.items() if own["status"] == ClaimStatus.retracted]
    of_withdrawn = select(*Revision.__table__.columns).where(
        Revision.record_type == "claim",
        Revision.record_id.in_(withdrawn),
        Revision.change <= moment.number,
    )
    revisions = [dict(row) for row in live.execute(of_withdrawn).mappings()] if withdrawn else []
    numbers = {row["change"] for row in revisions}
    changes = select(*Change.__table__.columns).where(
        or_(Change.number == moment.number, Change.number.in_(numbers)),
    )
    past.execute(insert(Change), [dict(row) for row in live.execute(changes).mappings()])
    if revisions:
        past.execute(insert(Revision), revisions)
