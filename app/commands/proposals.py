"""Proposals: changes to what is public, accepted or declined as a whole."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.commands.versions import take_version
from app.errors import ConflictingStateError, ForbiddenError, NotFoundError
from app.models import Proposal
from app.models.base import utc_now
from app.queries.accounts import Actor
from app.queries.records import AnyRow

OPEN = "open"


def propose(
    session: Session,
    draft: ChangeDraft,
    actor: Actor,
    claim: AnyRow,
    patch: dict[str, Any],
) -> int:
    now = utc_now()
    row = Proposal(
        claim_id=claim.id,
        claim_version=claim.version,
        author=actor.account,
        patch=patch,
        reason=draft.reason,
        status=OPEN,
        verdict=None,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    note_event(session, draft, "proposal", row, "created")
    return row.id


def open_proposal(session: Session, proposal_id: int) -> Proposal:
    """The row of a proposal that waits. The caller holds the lock of its claim's condition."""
    row = session.get(Proposal, proposal_id, populate_existing=True)
    if row is None:
        raise NotFoundError("There is no proposal of this id.")
    if row.status != OPEN:
        raise ConflictingStateError(f"The proposal is {row.status} already.")
    return row


def close_proposal(
    session: Session, draft: ChangeDraft, row: Proposal, version: int, status: str
) -> None:
    take_version(session, "proposal", Proposal, row.id, version)
    session.refresh(row)
    row.status, row.verdict = status, draft.reason
    note_event(session, draft, "proposal", row, status)


def supersede_rivals(session: Session, draft: ChangeDraft, accepted: Proposal) -> None:
    """The other proposals for the same claim were made from a version that is no more."""
    rivals = session.scalars(
        select(Proposal)
        .where(
            Proposal.claim_id == accepted.claim_id,
            Proposal.status == OPEN,
            Proposal.id != accepted.id,
        )
        .order_by(Proposal.id),
    )
    for rival in rivals.all():
        close_proposal(session, draft, rival, rival.version, "superseded")


def withdraw_proposal(
    session: Session, draft: ChangeDraft, actor: Actor, proposal_id: int, version: int
) -> None:
    row = open_proposal(session, proposal_id)
    if row.author != actor.account:
        raise ForbiddenError("A proposal is withdrawn by who made it; a curator declines it.")
    close_proposal(session, draft, row, version, "withdrawn")


def decline_proposal(session: Session, draft: ChangeDraft, proposal_id: int, version: int) -> None:
    close_proposal(session, draft, open_proposal(session, proposal_id), version, "declined")
