"""Reading concepts: what claims speak of."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.models import Claim, Concept, ConceptBroader
from app.queries.filters import visible_claims
from app.queries.names import nearest_names
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, concept_records


def get_concept(session: Session, key: str) -> Record:
    """One concept with what is broader and narrower, and how many public claims use it."""
    id_ = session.scalar(select(Concept.id).where(Concept.key == key))
    if id_ is None:
        near = nearest_names(key, session.scalars(select(Concept.key)))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(f"There is no concept of this key.{hint}", suggestions=near)
    narrower = session.execute(
        select(Concept.key, Concept.label)
        .join(ConceptBroader, ConceptBroader.concept_id == Concept.id)
        .where(ConceptBroader.broader_id == id_)
        .order_by(Concept.key),
    )
    as_value = session.scalar(_count().where(Claim.concept_id == id_))
    as_subject = session.scalar(_count().where(Claim.subject_id == id_))
    return concept_records(session, [id_])[id_] | {
        "narrower": [{"key": row.key, "label": row.label} for row in narrower],
        "claims_as_value": as_value,
        "claims_as_subject": as_subject,
        "links": {
            "claims_as_value": f"/claims?concept={key}",
            "claims_as_subject": f"/claims?subject={key}",
        },
    }


def _count() -> Any:
    return select(func.count()).select_from(Claim).where(visible_claims())


def list_concepts(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
) -> Page:
    """A page of concepts by key."""
    clauses = [Concept.kind.in_(filters["kind"])] if filters.get("kind") else []
    listing = Listing("/concepts", filters, Concept.id, (Order(Concept.key, str),))
    found = read_slice(session, listing, clauses, at)
    records = concept_records(session, found.ids)
    return Page.of(found, [records[id_] for id_ in found.ids], at, filters)
