"""Rows from records: the base, or a part of its past, as its revisions describe it.

Every row gets the id that its record has. What is computed (identities, counts, flags) is
computed again from what the records say.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.identifiers import Prefix, number_of
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
    Model,
    Passage,
    StoredVocabulary,
)
from app.models.concepts import FOLDED
from app.queries.computed import OPEN, held_severity
from app.queries.records import Record
from app.schemas.identities import claim_identity
from app.schemas.seed import CITED, DESCRIBED
from app.text import folded
from app.vocabulary import Rule, ScopePart, Severity

# Each refers only to those before it, and to its own kind.
RECORD_TYPES = ("vocabulary", "concept", "document", "condition", "claim", "conflict")
ROWS_AT_ONCE = 500
ItemT = TypeVar("ItemT")
Row = dict[str, Any]
Tables = dict[type[Model], list[Row]]


def insert_records(session: Session, record_type: str, records: Sequence[Record]) -> None:
    """Insert the rows of records of one type; what they refer to is there or among them.

    Types come in the order of ``RECORD_TYPES``. Where not all of a type can be held at once,
    ``insert_rows`` is called for every part, and then ``link_rows`` for every part.
    """
    insert_rows(session, record_type, records)
    link_rows(session, record_type, records)


def insert_rows(session: Session, record_type: str, records: Sequence[Record]) -> None:
    """The rows without what leads to others of their own type."""
    for batch in _batches(records):
        tables = _MAKERS[record_type](session, batch)
        for model, rows in tables.items():
            if rows:
                session.execute(insert(model), rows)
    if record_type == "conflict":
        _flag_claims(session, records)


def link_rows(session: Session, record_type: str, records: Sequence[Record]) -> None:
    """What leads to others of their own type: all of those are there by now."""
    if record_type == "concept":
        _link_concepts(session, records)
    columns = {"claim": (Claim, Prefix.claim), "document": (Document, Prefix.document)}
    if record_type in columns:
        model, prefix = columns[record_type]
        rows = [
            {"id": number_of(prefix, r["id"]), "replaced_by_id": number_of(prefix, target)}
            for r in records
            if (target := r.get("replaced_by")) is not None
        ]
        if rows:
            session.execute(update(model), rows)


def read_stamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _batches(items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    for first in range(0, len(items), ROWS_AT_ONCE):
        yield items[first : first + ROWS_AT_ONCE]


def _versioned(record: Record, prefix: Prefix) -> Row:
    return {
        "id": number_of(prefix, record["id"]),
        "version": record["version"],
        "created_at": read_stamp(record["created_at"]),
        "updated_at": read_stamp(record["updated_at"]),
    }


def _ids(session: Session, column: Any, keys: Collection[str]) -> dict[str | None, int | None]:
    """Ids by key or slug, for as many as there are; no key has no id."""
    found: dict[str | None, int | None] = {None: None}
    id_column = column.class_.id
    for batch in _batches(sorted(keys)):
        found |= dict(session.execute(select(column, id_column).where(column.in_(batch))).all())
    return found


def _vocabulary_rows(_session: Session, records: Sequence[Record]) -> Tables:
    columns = ("version", "number", "digest", "body")
    return {
        StoredVocabulary: [
            {"id": record.get("id", 1)} | {name: record[name] for name in columns}
            for record in records
        ],
    }


def _concept_rows(_session: Session, records: Sequence[Record]) -> Tables:
    tables: Tables = {Concept: [], ConceptSynonym: [], ConceptXref: []}
    for record in records:
        row = _versioned(record, Prefix.concept)
        own = {"concept_id": row["id"]}
        row |= {name: record[name] for name in ("key", "label", "kind", "description")}
        tables[Concept].append(row)
        tables[ConceptSynonym] += [
            own | {"term": term, "folded": folded(term)[:FOLDED], "position": position}
            for position, term in enumerate(record["synonyms"])
        ]
        tables[ConceptXref] += _xref_rows(record, own)
    return tables


def _xref_rows(record: Record, own: Row) -> list[Row]:
    return [
        own | {"curie": xref["id"], "fit": xref["fit"], "position": position}
        for position, xref in enumerate(record["xrefs"])
    ]


def _link_concepts(session: Session, records: Sequence[Record]) -> None:
    for batch in _batches(records):
        keys = {part["key"] for record in batch for part in record["broader"]}
        keys |= {record["merged_into"] for record in batch if record.get("merged_into")}
        ids = _ids(session, Concept.key, keys)
        broader, merged = [], []
        for record in batch:
            id_ = number_of(Prefix.concept, record["id"])
            broader += [
                {"concept_id": id_, "broader_id": ids[part["key"]]} for part in record["broader"]
            ]
            if record.get("merged_into"):
                merged.append({"id": id_, "merged_into_id": ids[record["merged_into"]]})
        if broader:
            session.execute(insert(ConceptBroader), broader)
        if merged:
            session.execute(update(Concept), merged)


_DAYS = ("published_on", "retrieved_on")
_DOCUMENT_FIELDS = (*(name for name in DESCRIBED if name not in _DAYS), "status", "uncited")


def _document_rows(_session: Session, records: Sequence[Record]) -> Tables:
    tables: Tables = {Document: [], Passage: []}
    for record in records:
        row = _versioned(record, Prefix.document)
        row |= {name: record[name] for name in _DOCUMENT_FIELDS}
        row |= {name: _day(record[name]) for name in _DAYS}
        row |= {name: record.get(name, False) for name in ("text_held", "merged")}
        tables[Document].append(row)
        tables[Passage] += [
            {
                "id": number_of(Prefix.passage, passage["id"]),
                "document_id": row["id"],
                "position": position,
                **{name: passage[name] for name in ("key", "heading", "start", "end")},
            }
            for position, passage in enumerate(record["passages"], start=1)
        ]
    return tables


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _condition_rows(_session: Session, records: Sequence[Record]) -> Tables:
    tables: Tables = {Condition: [], ConditionAlias: [], ConditionXref: []}
    for record in records:
        row = _versioned(record, Prefix.condition)
        row |= {name: record[name] for name in ("slug", "name", "description")}
        own = {"condition_id": row["id"]}
        tables[Condition].append(row)
        tables[ConditionAlias] += [
            own | {"slug": alias["slug"], "name": alias["name"]} for alias in record["aliases"]
        ]
        tables[ConditionXref] += _xref_rows(record, own)
    return tables


_CLAIM_FIELDS = ("key", "status", "question", "type", "statement", "words", "polarity")
_CITATION_FIELDS = (*CITED, "verification")


def _claim_rows(session: Session, records: Sequence[Record]) -> Tables:
    concepts = _ids(
        session,
        Concept.key,
        {
            key
            for record in records
            for named in (record["concept"], record["subject"], *_scope(record).values())
            if (key := _key(named)) is not None
        },
    )
    conditions = _ids(session, Condition.slug, {r["condition"]["slug"] for r in records})
    tables: Tables = {Claim: [], Citation: []}
    for record in records:
        row = _versioned(record, Prefix.claim)
        row |= {name: record[name] for name in _CLAIM_FIELDS}
        scope, quantity = _scope(record), record["quantity"] or {}
        row |= {f"{part.value}_id": concepts[_key(scope.get(part))] for part in ScopePart}
        row |= {f"quantity_{n}": quantity.get(n) for n in ("low", "high", "unit", "as_said")}
        citations = record["citations"]
        row |= {
            "condition_id": conditions[record["condition"]["slug"]],
            "subject_id": concepts[_key(record["subject"])],
            "concept_id": concepts[_key(record["concept"])],
            "age_low": scope.get("age_low"),
            "age_high": scope.get("age_high"),
            "identity": identity_of(record),
            "merged": record.get("merged", False),
            "conflict": False,
            "severity": Severity.none,
            "passage_count": len({cited["passage"]["id"] for cited in citations}),
            "document_count": len({cited["document"]["id"] for cited in citations}),
        }
        tables[Claim].append(row)
        tables[Citation] += [
            {
                "id": number_of(Prefix.citation, cited["id"]),
                "claim_id": row["id"],
                "passage_id": number_of(Prefix.passage, cited["passage"]["id"]),
                "position": position,
                **{name: cited[name] for name in _CITATION_FIELDS},
            }
            for position, cited in enumerate(citations, start=1)
        ]
    return tables


def _scope(record: Record) -> Mapping[str, Any]:
    scope: Mapping[str, Any] = record["scope"] or {}
    return scope


def _key(named: Any) -> str | None:
    return named["key"] if isinstance(named, dict) else None


def identity_of(record: Record, renamed: Mapping[str | None, str] = MappingProxyType({})) -> str:
    """What makes the claim of this record the same as another.

    ``renamed``: keys of concepts that go by another one from now on.
    """

    def key(named: Any) -> str | None:
        own = _key(named)
        return renamed.get(own, own)

    scope = _scope(record)
    ages = {name: scope.get(name) for name in ("age_low", "age_high")}
    return claim_identity(
        condition=record["condition"]["slug"],
        subject=key(record["subject"]),
        question=record["question"],
        value={
            "concept": key(record["concept"]),
            "quantity": record["quantity"],
            "words": record["words"],
        },
        polarity=record["polarity"],
        scope={part.value: key(scope.get(part)) for part in ScopePart} | ages,
    )


_CONFLICT_FIELDS = ("key", "status", "rule", "kind", "question", "explanation")
_BODY = ("sides", "clashes", "compatible", "pivotal", "scope_explained", "severities")


def _conflict_rows(session: Session, records: Sequence[Record]) -> Tables:
    subjects = {key for record in records if (key := _key(record["subject"])) is not None}
    concepts = _ids(session, Concept.key, subjects)
    conditions = _ids(session, Condition.slug, {r["condition"]["slug"] for r in records})
    tables: Tables = {Conflict: [], ConflictClaim: []}
    for record in records:
        row = _versioned(record, Prefix.conflict)
        row |= {name: record[name] for name in _CONFLICT_FIELDS}
        row |= {
            "condition_id": conditions[record["condition"]["slug"]],
            "subject_id": concepts[_key(record["subject"])],
            "computed": record["severity"]["computed"],
            "effective": record["severity"]["effective"],
            "decision": record.get("decision"),
            "decision_status": record.get("decision_status", "none"),
            "body": {name: record.get(name, []) for name in _BODY},
            "fingerprint": record.get("fingerprint", ""),
            "vocabulary_number": record["vocabulary_version"],
        }
        tables[Conflict].append(row)
        if record["status"] == OPEN:
            tables[ConflictClaim] += _conflict_claims(row)
    return tables


def _conflict_claims(row: Row) -> Iterator[Row]:
    """The claims on the sides of an open conflict, each as firmly as it is held there."""
    kind = row["decision"]["kind"] if row["decision"] else None
    known = {own["claim"]: Severity(own["severity"]) for own in row["body"]["severities"]}
    for number, side in enumerate(row["body"]["sides"]):
        strongest = max(
            (Severity(c["severity"]) for c in row["body"]["clashes"] if number in c["sides"]),
            key=lambda severity: severity.rank,
            default=Severity.none,
        )
        for claim in side["claims"]:
            severity = known.get(claim, strongest)
            yield {
                "conflict_id": row["id"],
                "claim_id": number_of(Prefix.claim, claim),
                "side": number,
                "severity": held_severity(
                    severity, kind, row["decision_status"], Rule(row["rule"])
                ),
            }


def _flag_claims(session: Session, records: Sequence[Record]) -> None:
    """The severity of a claim is the highest that it is held at in any open conflict."""
    claims = {
        number_of(Prefix.claim, claim)
        for record in records
        for side in record["sides"]
        for claim in side["claims"]
    }
    for batch in _batches(sorted(claims)):
        held: dict[int, list[Severity]] = defaultdict(list)
        for id_, severity in session.execute(
            select(ConflictClaim.claim_id, ConflictClaim.severity).where(
                ConflictClaim.claim_id.in_(batch),
            ),
        ):
            held[id_].append(severity)
        strongest = {id_: max(own, key=lambda one: one.rank) for id_, own in held.items()}
        rows = [
            {"id": id_, "severity": severity, "conflict": severity.is_conflict}
            for id_, severity in strongest.items()
        ]
        if rows:
            session.execute(update(Claim), rows)


_MAKERS: dict[str, Callable[[Session, Sequence[Record]], Tables]] = {
    "vocabulary": _vocabulary_rows,
    "concept": _concept_rows,
    "condition": _condition_rows,
    "document": _document_rows,
    "claim": _claim_rows,
    "conflict": _conflict_rows,
}
