"""Reading concepts: what claims speak of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.models import Claim, Concept, ConceptBroader, ConceptSynonym, ConceptXref
from app.queries.moments import Moment, records_at, records_naming
from app.queries.names import begins_a_word, concept_ids, nearest_names, with_narrower
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, concept_records
from app.queries.view import visible_claims
from app.vocabulary import ClaimStatus


def get_concept(session: Session, key: str) -> Record:
    """One concept with what is broader and narrower, and how many public claims use it."""
    # PostgreSQL cannot even be asked for NUL.
    known = select(Concept.id).where(Concept.key == key)
    id_ = None if "\x00" in key else session.scalar(known)
    if id_ is None:
        near = nearest_names(key, session.scalars(select(Concept.key)))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(f"There is no concept of this key.{hint}", suggestions=near)
    narrower = session.execute(
        select(Concept.key, Concept.label)
        .join(ConceptBroader, ConceptBroader.concept_id == Concept.id)
        .where(ConceptBroader.broader_id == id_, Concept.merged_into_id.is_(None))
        .order_by(Concept.key),
    )
    return concept_records(session, [id_])[id_] | {
        "narrower": [{"key": row.key, "label": row.label} for row in narrower],
        **_uses(session, [id_])[id_],
        "links": _links(key),
    }


def _links(key: str) -> Record:
    return {
        "claims_as_value": f"/claims?concept={key}",
        "claims_as_subject": f"/claims?subject={key}",
    }


def get_concept_at(session: Session, moment: Moment, key: str) -> Record:
    """The concept as it stood, with the uses by claims that were public then."""
    known = select(Concept.id).where(Concept.key == key)
    id_ = None if "\x00" in key else session.scalar(known)
    records = records_at(session, moment, "concept", [] if id_ is None else [id_])
    if id_ is None or not records:
        raise NotFoundError(f"There was no concept of this key at change {moment.number}.")
    record: Record = {"merged_into": None} | records[id_]
    claims = [
        claim
        for claim in records_naming(session, moment, "claim", key)
        if claim["status"] == ClaimStatus.published
    ]
    broader = {part["key"] for part in record["broader"]}
    ids = session.scalars(select(Concept.id).where(Concept.key.in_(broader))).all()
    narrower = [
        concept
        for concept in records_naming(session, moment, "concept", key)
        if any(part["key"] == key for part in concept["broader"]) and not concept.get("merged_into")
    ]
    return record | {
        "broader": _named(records_at(session, moment, "concept", ids).values()),
        "narrower": _named(narrower),
        "claims_as_value": sum(_is(key, claim["concept"]) for claim in claims),
        "claims_as_subject": sum(_is(key, claim["subject"]) for claim in claims),
        "links": _links(key),
    }


def _named(concepts: Iterable[Record]) -> list[Record]:
    ordered = sorted(concepts, key=lambda concept: str(concept["key"]))
    return [{"key": concept["key"], "label": concept["label"]} for concept in ordered]


def _is(key: str, named: Record | None) -> bool:
    return named is not None and named["key"] == key


def _uses(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    """How many public claims have each concept as their value, and as their subject."""
    uses: dict[int, Record] = {id_: {"claims_as_value": 0, "claims_as_subject": 0} for id_ in ids}
    columns = {"claims_as_value": Claim.concept_id, "claims_as_subject": Claim.subject_id}
    for name, column in columns.items():
        rows: Iterable[Any] = session.execute(
            select(column, func.count()).where(visible_claims(), column.in_(ids)).group_by(column),
        )
        for id_, number in rows:
            uses[id_][name] = number
    return uses


def _clauses(session: Session, filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = [Concept.merged_into_id.is_(None)]
    if filters.get("kind"):
        clauses.append(Concept.kind.in_(filters["kind"]))
    words = filters.get("q")
    if words is not None:
        synonyms = select(ConceptSynonym.concept_id)
        synonyms = synonyms.where(begins_a_word(ConceptSynonym.folded, words))
        clauses.append(or_(begins_a_word(Concept.label, words), Concept.id.in_(synonyms)))
    if filters.get("xref"):
        named = select(ConceptXref.concept_id).where(ConceptXref.curie.in_(filters["xref"]))
        clauses.append(Concept.id.in_(named))
    if filters.get("broader"):
        top = concept_ids(session, "broader", filters["broader"])
        children = session.scalars(
            select(ConceptBroader.concept_id).where(ConceptBroader.broader_id.in_(top)),
        )
        clauses.append(Concept.id.in_(with_narrower(session, list(children))))
    return clauses


def list_concepts(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
) -> Page:
    """A page of concepts by key, without those that were merged into others."""
    listing = Listing("/concepts", filters, Concept.id, (Order(Concept.key, str),))
    found = read_slice(session, listing, _clauses(session, filters), at)
    records = concept_records(session, found.ids)
    uses = _uses(session, found.ids)
    return Page.of(found, [records[id_] | uses[id_] for id_ in found.ids], at, filters)
