"""Creating and changing claims. A change of what is public may become a proposal."""

import secrets
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from app.commands.changes import ChangeDraft, note_event
from app.commands.claim_content import patched_content, write_content
from app.commands.conflicts import refresh_conflicts
from app.commands.proposals import propose
from app.commands.search import index_record
from app.commands.versions import lock_condition_of, lock_conditions, stale, take_version
from app.commands.written import written_record
from app.errors import ConflictingStateError, ForbiddenError, NotFoundError
from app.models import Change, Claim, Condition, Revision
from app.models.base import utc_now
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.computed import Touched
from app.schemas.claim_edits import ClaimIn
from app.schemas.seed import ClaimContent
from app.vocabulary import ClaimStatus, Vocabulary

CREATED, UPDATED = "created", "updated"
# Our own wording, which no conflict rule looks at.
NOT_JUDGED = {"statement"}
WITHDRAWN = {ClaimStatus.rejected, ClaimStatus.retracted}


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one claim, made from its version ``version``.

    ``four_eyes``: nobody publishes their own, so that a curator's change of what is public is
    a proposal too.
    """

    claim_id: int
    version: int
    actor: Actor
    vocabulary: Vocabulary
    four_eyes: bool = False


class OpenClaim(NamedTuple):
    """A claim as it was read under the lock of its condition, and that one's slug."""

    slug: str
    row: Claim


def create_claim(
    session: Session,
    draft: ChangeDraft,
    body: ClaimIn,
    vocabulary: Vocabulary,
) -> int:
    """A new draft; its id. Raises InvalidRequestError, and ConflictingStateError for a claim
    that exists."""
    condition_id = session.scalar(select(Condition.id).where(Condition.slug == body.condition))
    slugs = lock_conditions(session, [condition_id] if condition_id else [])
    now = utc_now()
    row = Claim(
        key=body.key or f"claim/{secrets.token_hex(8)}",
        status=ClaimStatus.draft,
        version=1,
        citations=[],
        created_at=now,
        updated_at=now,
    )
    content = ClaimContent.model_validate(body.model_dump(exclude={"key", "reason"}))
    conditions = {slug: id_ for id_, slug in slugs.items()}
    write_content(session, row, content, vocabulary, known=None, conditions=conditions)
    _note_claim(session, draft, row, CREATED)
    return row.id


def edit_claim(
    session: Session, draft: ChangeDraft, edit: Edit, patch: dict[str, Any]
) -> int | None:
    """Change what a claim says, or propose it; the id of the proposal if it is one.

    Contributors change their own drafts; what they change of a published claim is proposed.
    """
    opened = open_claim(session, edit)
    claim = opened.row
    if claim.status in WITHDRAWN:
        raise ConflictingStateError(f"The claim is {claim.status}: restore it first.")
    is_public = claim.status is ClaimStatus.published
    if is_public and (edit.actor.role is Role.contributor or edit.four_eyes):
        if claim.version != edit.version:
            raise stale(session, "claim", claim.id, edit.version)
        patched_content(written_record(session, claim.id), patch)
        return propose(session, draft, edit.actor, claim, patch)
    refuse_foreign_draft(session, edit.actor, claim)
    apply_patch(session, draft, edit, opened, patch)
    return None


def apply_patch(
    session: Session, draft: ChangeDraft, edit: Edit, opened: OpenClaim, patch: dict[str, Any]
) -> None:
    """Make the next version of an open claim."""
    slug, row = opened
    record = written_record(session, row.id)
    take_claim_version(session, edit, row)
    subjects = {row.subject_id}
    content = patched_content(record, patch)
    conditions = {slug: row.condition_id}
    write_content(session, row, content, edit.vocabulary, known=record, conditions=conditions)
    _note_claim(session, draft, row, UPDATED)
    if row.status is ClaimStatus.published and set(patch) - NOT_JUDGED:
        subjects.add(row.subject_id)
        touched = Touched([row.id], {record["question"], row.question}, subjects)
        refresh_conflicts(session, draft, row.condition_id, slug, edit.vocabulary, touched=touched)


def _note_claim(session: Session, draft: ChangeDraft, row: Claim, action: str) -> None:
    """The event, with the words that the claim is found by."""
    snapshot = note_event(session, draft, "claim", row, action)
    index_record(session, row.id, snapshot)


def open_claim(session: Session, edit: Edit) -> OpenClaim:
    """Lock the condition of a claim, then read it."""
    slug = lock_condition_of(session, edit.claim_id)
    if slug is None:
        raise NotFoundError("There is no claim of this id.")
    return OpenClaim(slug, loaded(session, edit.claim_id))


def take_claim_version(session: Session, edit: Edit, row: Claim) -> None:
    """Make the next version of an open claim: nobody else changes it, so its row stays good."""
    now = take_version(session, "claim", Claim, edit.claim_id, edit.version)
    set_committed_value(row, "version", edit.version + 1)
    set_committed_value(row, "updated_at", now)


def loaded(session: Session, claim_id: int) -> Claim:
    """The row as it is now, with its citations."""
    return session.scalars(_CLAIM, {"id": claim_id}).unique().one()


_CLAIM = (
    select(Claim)
    .where(Claim.id == bindparam("id"))
    .options(joinedload(Claim.citations))
    .execution_options(populate_existing=True)
)


def refuse_foreign_draft(session: Session, actor: Actor, claim: Claim) -> None:
    """Contributors change what they drafted themselves. Raises ForbiddenError."""
    if actor.role is Role.contributor and author_of(session, claim.id) != actor.account:
        raise ForbiddenError("A contributor changes their own drafts; this one is another's.")


def author_of(session: Session, claim_id: int) -> str | None:
    return session.scalar(
        select(Change.actor)
        .join(Revision, Revision.change == Change.number)
        .where(
            Revision.record_type == "claim",
            Revision.record_id == claim_id,
            Revision.version == 1,
        ),
    )
