"""Citations of a claim as a patch of the claim: its version covers them."""

from typing import Any

from sqlalchemy.orm import Session

from app.commands.claim_content import content_of
from app.commands.patches import merged
from app.errors import NotFoundError
from app.queries.records import Record, claim_records
from app.schemas.claim_edits import CitationIn

Patch = dict[str, Any]


def with_citation(session: Session, claim_id: int, body: CitationIn) -> Patch:
    citations = content_of(_record(session, claim_id))["citations"]
    added = body.model_dump(mode="json", exclude={"reason"})
    return {"citations": [*citations, added]}


def with_patched_citation(session: Session, claim_id: int, citation_id: str, patch: Patch) -> Patch:
    record = _record(session, claim_id)
    place = _place(record, citation_id)
    citations = content_of(record)["citations"]
    citations[place] = merged(citations[place], patch)
    return {"citations": citations}


def without_citation(session: Session, claim_id: int, citation_id: str) -> Patch:
    record = _record(session, claim_id)
    citations = content_of(record)["citations"]
    del citations[_place(record, citation_id)]
    return {"citations": citations}


def _record(session: Session, claim_id: int) -> Record:
    records = claim_records(session, [claim_id])
    if claim_id not in records:
        raise NotFoundError("There is no claim of this id.")
    return records[claim_id]


def _place(record: Record, citation_id: str) -> int:
    for place, cited in enumerate(record["citations"]):
        if cited["id"] == citation_id:
            return place
    raise NotFoundError("The claim has no citation of this id.")
