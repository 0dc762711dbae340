"""The steps of the review: from draft to published, and out again. Nothing is erased."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.claim_content import same_claim
from app.commands.claim_edits import (
    CREATED,
    UPDATED,
    Edit,
    apply_patch,
    refuse_foreign_draft,
    refuse_stale,
)
from app.commands.conflicts import refresh_conflicts
from app.commands.open_claims import OpenClaim, note_claim, open_claim, take_claim_version
from app.commands.proposals import close_proposal, open_proposal, supersede_rivals
from app.errors import ConflictingStateError, ForbiddenError, InvalidRequestError, NotFoundError
from app.identifiers import Prefix
from app.models import Change, Claim, Proposal, Revision
from app.policy import Role
from app.queries.computed import Touched
from app.queries.prepared import savepoint
from app.queries.records import reference
from app.vocabulary import ClaimStatus


@dataclass(frozen=True, slots=True)
class Step:
    """``past``: what it is called when it was done, in revisions."""

    past: str
    leads: Mapping[ClaimStatus, ClaimStatus]


DRAFT, IN_REVIEW = ClaimStatus.draft, ClaimStatus.in_review
PUBLISHED, REJECTED, RETRACTED = (
    ClaimStatus.published,
    ClaimStatus.rejected,
    ClaimStatus.retracted,
)
SUBMIT = Step("submitted", {DRAFT: IN_REVIEW})
PUBLISH = Step("published", {IN_REVIEW: PUBLISHED})
REJECT = Step("rejected", {IN_REVIEW: REJECTED})
RETRACT = Step("retracted", {PUBLISHED: RETRACTED})
RESTORE = Step("restored", {RETRACTED: PUBLISHED, REJECTED: DRAFT})
WITHDRAW = Step("withdrawn", {DRAFT: REJECTED, IN_REVIEW: REJECTED})


def move_claim(
    session: Session,
    draft: ChangeDraft,
    edit: Edit,
    step: Step,
    *,
    replaced_by: int | None = None,
) -> None:
    """Take one step of the review. Raises ConflictingStateError where it is not the next one."""
    opened = open_claim(session, edit.claim_id)
    slug, row, record = opened
    _refuse_step(session, edit, opened, step)
    _check_replacement(session, row.id, replaced_by)
    refuse_stale(session, edit, opened)
    status = step.leads[row.status]
    try:
        with savepoint(session):
            columns = {"status": status, "replaced_by_id": replaced_by}
            taken = take_claim_version(session, opened, edit.version, columns)
    except IntegrityError as error:  # it was made again while this one was out of sight
        raise same_claim(session, row.identity) from error
    replacement = reference(Prefix.claim, replaced_by)
    moved = record | {"status": status.value, "replaced_by": replacement} | taken
    note_claim(session, draft, opened, moved, step.past)
    if PUBLISHED in {row.status, status}:
        touched = Touched([row.id], [row.question], [row.subject_id])
        refresh_conflicts(session, draft, row.condition_id, slug, edit.vocabulary, touched=touched)


def delete_claim(session: Session, draft: ChangeDraft, edit: Edit) -> None:
    """Retract what is published, withdraw what is not. The record stays."""
    status = session.scalar(select(Claim.status).where(Claim.id == edit.claim_id))
    if status is not PUBLISHED:
        move_claim(session, draft, edit, WITHDRAW)
    elif edit.actor.role is Role.contributor:
        raise ForbiddenError("Retracting a published claim needs the role curator.")
    else:
        move_claim(session, draft, edit, RETRACT)


def accept_proposal(session: Session, draft: ChangeDraft, edit: Edit, proposal_id: int) -> None:
    """Apply a proposal as a whole; ``edit.version`` is the proposal's. Its rivals are superseded.

    Raises ConflictingStateError where the claim has moved on from what it was made from.
    """
    opened = open_claim(session, edit.claim_id)
    claim = opened.row
    proposal = open_proposal(session, proposal_id)
    if edit.four_eyes and proposal.author == edit.actor.account:
        raise ForbiddenError("Nobody accepts their own proposal here: another curator has to.")
    if claim.status is not PUBLISHED or claim.version != proposal.claim_version:
        raise ConflictingStateError(
            f"The claim is {claim.status} at version {claim.version} by now; the proposal was "
            f"made from version {proposal.claim_version}. Decline it, or have it made again.",
        )
    patch = proposal.patch
    close_proposal(session, draft, proposal, edit.version, "accepted")
    own = Edit(claim.id, claim.version, edit.actor, edit.vocabulary)
    apply_patch(session, draft, own, opened, patch)
    supersede_rivals(session, draft, proposal)


def claim_of_proposal(session: Session, proposal_id: int) -> int:
    claim_id = session.scalar(select(Proposal.claim_id).where(Proposal.id == proposal_id))
    if claim_id is None:
        raise NotFoundError("There is no proposal of this id.")
    return claim_id


def _refuse_step(session: Session, edit: Edit, opened: OpenClaim, step: Step) -> None:
    claim = opened.row
    if claim.status not in step.leads:
        allowed = " or ".join(step.leads)
        raise ConflictingStateError(
            f"The claim is {claim.status}; only one that is {allowed} can be {step.past}.",
        )
    if claim.merged:
        raise ConflictingStateError("The claim was merged into another: that one has it all.")
    if step in (SUBMIT, WITHDRAW):
        refuse_foreign_draft(session, edit.actor, claim.id)
    if step is PUBLISH and not opened.record["citations"]:
        raise ConflictingStateError("A claim without a citation cannot be published.")
    if step is PUBLISH and edit.four_eyes and edit.actor.account in _writers(session, claim.id):
        raise ForbiddenError("Nobody publishes their own claim here: another curator has to.")


def _writers(session: Session, claim_id: int) -> set[str]:
    """Who wrote anything of what would be published, which it is for the first time."""
    return set(
        session.scalars(
            select(Change.actor)
            .join(Revision, Revision.change == Change.number)
            .where(
                Revision.record_type == "claim",
                Revision.record_id == claim_id,
                Revision.action.in_([CREATED, UPDATED]),
            ),
        ),
    )


def _check_replacement(session: Session, claim_id: int, replaced_by: int | None) -> None:
    if replaced_by is None:
        return
    status = session.scalar(select(Claim.status).where(Claim.id == replaced_by))
    if status is not PUBLISHED or replaced_by == claim_id:
        place = {"in": "body", "pointer": "/replaced_by", "code": "invalid"}
        raise InvalidRequestError(
            "The replacement has to be another claim that is published.",
            errors=[place | {"detail": "There is no other published claim of this id."}],
        )
