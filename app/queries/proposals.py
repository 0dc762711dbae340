"""Proposals: changes to published claims that wait for a curator."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id, public_id
from app.models import Claim, Proposal
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, stamp


def get_proposal(session: Session, text: str) -> Record:
    number = proposal_number(text)
    records = proposal_records(session, [number])
    if number not in records:
        raise NotFoundError("There is no proposal of this id.")
    current = session.scalar(
        select(Claim.version)
        .join(Proposal, Proposal.claim_id == Claim.id)
        .where(
            Proposal.id == number,
        ),
    )
    return records[number] | {"outdated": current != records[number]["claim_version"]}


def proposal_number(text: str) -> int:
    parsed = parse_id(Prefix.proposal, text)
    if parsed is None or parsed[1] is not None:
        raise NotFoundError("There is no proposal of this id.")
    return parsed[0]


def list_proposals(session: Session, filters: Mapping[str, Any], at: PageAt) -> Page:
    """A page of proposals by id, the open ones unless asked otherwise."""
    clauses: list[ColumnElement[bool]] = [Proposal.status == filters.get("status", "open")]
    if filters.get("author"):
        clauses.append(Proposal.author == filters["author"])
    listing = Listing("/proposals", filters, Proposal.id, (Order(Proposal.id),))
    found = read_slice(session, listing, clauses, at)
    records = proposal_records(session, found.ids)
    versions = select(Proposal.id, Claim.version).join(Claim, Claim.id == Proposal.claim_id)
    current = dict(session.execute(versions.where(Proposal.id.in_(found.ids))).all())
    data = [
        records[id_] | {"outdated": current[id_] != records[id_]["claim_version"]}
        for id_ in found.ids
    ]
    return Page.of(found, data, at, filters)


def proposal_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    rows = session.scalars(select(Proposal).where(Proposal.id.in_(ids)))
    return {
        row.id: {
            "id": public_id(Prefix.proposal, row.id),
            "version": row.version,
            "claim": public_id(Prefix.claim, row.claim_id),
            "claim_version": row.claim_version,
            "author": row.author,
            "patch": row.patch,
            "reason": row.reason,
            "status": row.status,
            "verdict": row.verdict,
            "created_at": stamp(row.created_at),
            "updated_at": stamp(row.updated_at),
        }
        for row in rows
    }
