"""Creating and changing claims. A change of what is public may become a proposal."""

import secrets
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app.commands.changes import ChangeDraft, note_event
from app.commands.claim_content import changed_content, patched_content, same_claim, write_content
from app.commands.claim_rows import write_citations
from app.commands.conflicts import refresh_conflicts
from app.commands.open_claims import OpenClaim, note_claim, open_claim, take_claim_version
from app.commands.proposals import propose
from app.commands.search import index_record
from app.commands.versions import lock_conditions, stale
from app.errors import ConflictingStateError, ForbiddenError
from app.models import Change, Claim, Condition, Revision
from app.models.base import utc_now
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.computed import Touched
from app.queries.prepared import savepoint
from app.queries.records import claim_records
from app.schemas.claim_edits import ClaimIn
from app.schemas.seed import ClaimContent
from app.vocabulary import ClaimStatus, Vocabulary

CREATED, UPDATED = "created", "updated"
# Our own wording, which no conflict rule looks at.
NOT_JUDGED = {"statement"}
# The members of a record that it is found by; what is said of their concepts is theirs.
SEARCHED = ("statement", "subject", "concept", "quantity", "words", "citations")
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


def create_claim(
    session: Session,
    draft: ChangeDraft,
    body: ClaimIn,
    vocabulary: Vocabulary,
) -> int:
    """A new draft; its id. Raises InvalidRequestError, and ConflictingStateError for a claim
    that exists."""
    condition_id = session.scalar(select(Condition.id).where(Condition.slug == body.condition))
    lock_conditions(session, [condition_id] if condition_id else [])
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
    write_content(session, row, content, vocabulary)
    index_record(session, row.id, note_event(session, draft, "claim", row, CREATED))
    return row.id


def edit_claim(
    session: Session, draft: ChangeDraft, edit: Edit, patch: dict[str, Any]
) -> int | None:
    """Change what a claim says, or propose it; the id of the proposal if it is one.

    Contributors change their own drafts; what they change of a published claim is proposed.
    """
    opened = open_claim(session, edit.claim_id)
    row = opened.row
    if row.status in WITHDRAWN:
        raise ConflictingStateError(f"The claim is {row.status}: restore it first.")
    is_public = row.status is ClaimStatus.published
    if is_public and (edit.actor.role is Role.contributor or edit.four_eyes):
        refuse_stale(session, edit, opened)
        patched_content(opened.record, patch)
        return propose(session, draft, edit.actor, row, patch)
    refuse_foreign_draft(session, edit.actor, row.id)
    apply_patch(session, draft, edit, opened, patch)
    return None


def apply_patch(
    session: Session, draft: ChangeDraft, edit: Edit, opened: OpenClaim, patch: dict[str, Any]
) -> None:
    """Make the next version of an open claim.

    Its record is made of the former one: it is only read again where citations change.
    """
    slug, row, former = opened
    refuse_stale(session, edit, opened)
    content = patched_content(former, patch)
    change = changed_content(
        session, opened, content, edit.vocabulary, may_cite="citations" in patch
    )
    try:
        # Nothing else of a claim is unique.
        with savepoint(session) if "identity" in change.columns else nullcontext():
            taken = take_claim_version(session, opened, edit.version, change.columns)
    except IntegrityError as error:
        raise same_claim(session, content.identity) from error
    if change.citations is None:
        record = former | change.members | taken
    else:
        write_citations(session, row.id, change.citations)
        record = claim_records(session, [row.id])[row.id]
    note_claim(session, draft, opened, record, UPDATED)
    if any(record[name] != former[name] for name in SEARCHED):
        index_record(session, row.id, record)
    if row.status is ClaimStatus.published and set(patch) - NOT_JUDGED:
        subjects = {row.subject_id, change.columns.get("subject_id", row.subject_id)}
        touched = Touched([row.id], {former["question"], content.question}, subjects)
        refresh_conflicts(session, draft, row.condition_id, slug, edit.vocabulary, touched=touched)


def refuse_stale(session: Session, edit: Edit, opened: OpenClaim) -> None:
    """Before anything else is said of the edit; the statement that writes compares again."""
    if opened.row.version != edit.version:
        raise stale(session, "claim", opened.row.id, edit.version)


def loaded(session: Session, claim_id: int) -> Claim:
    """The row as it is now, with its citations."""
    return session.scalars(_CLAIM, {"id": claim_id}).unique().one()


_CLAIM = (
    select(Claim)
    .where(Claim.id == bindparam("id"))
    .options(joinedload(Claim.citations))
    .execution_options(populate_existing=True)
)


def refuse_foreign_draft(session: Session, actor: Actor, claim_id: int) -> None:
    """Contributors change what they drafted themselves. Raises ForbiddenError."""
    if actor.role is Role.contributor and author_of(session, claim_id) != actor.account:
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
