"""Merging claims that say the same: the citations move, the address leads on."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.commands.claim_edits import Edit, loaded
from app.commands.claim_rows import CITATION_FIELDS
from app.commands.search import index_claims
from app.commands.touched import citing, refresh_touched
from app.commands.versions import lock_conditions, take_version
from app.errors import ConflictingStateError, NotFoundError
from app.models import Citation, Claim
from app.models.base import utc_now
from app.vocabulary import ClaimStatus

MERGEABLE = (ClaimStatus.draft, ClaimStatus.in_review, ClaimStatus.published)


def merge_claim(
    session: Session,
    draft: ChangeDraft,
    edit: Edit,
    target_id: int,
) -> None:
    """Merge the claim of ``edit`` into another one of its condition."""
    source_id = edit.claim_id
    rows = session.execute(
        select(Claim.id, Claim.condition_id).where(Claim.id.in_([source_id, target_id])),
    )
    conditions = dict(rows.all())
    if {source_id, target_id} - conditions.keys():
        raise NotFoundError("There is no claim of this id.")
    slugs = lock_conditions(session, set(conditions.values()))
    if source_id == target_id or len(slugs) > 1:
        raise ConflictingStateError("A claim is merged into another one of the same condition.")
    take_version(session, "claim", Claim, source_id, edit.version)
    merge_claims(session, draft, source_id, target_id, took_version=True)
    refresh_touched(session, draft, slugs, edit.vocabulary, conditions.keys())


def merge_claims(
    session: Session,
    draft: ChangeDraft,
    source_id: int,
    target_id: int,
    *,
    took_version: bool = False,
) -> None:
    """Move the citations of one claim to another and withdraw it. Its condition is locked.

    The conflicts are left to the caller. Raises ConflictingStateError where what is public
    would go out of sight.
    """
    source, target = loaded(session, source_id), loaded(session, target_id)
    is_public = source.status is ClaimStatus.published
    if source.status not in MERGEABLE or target.status not in MERGEABLE:
        raise ConflictingStateError("Only claims that are not withdrawn can be merged.")
    if is_public and target.status is not ClaimStatus.published:
        raise ConflictingStateError("A published claim cannot be merged into one that is not.")
    known = {_content(citation) for citation in target.citations}
    # What the source was cited for stays in its revisions; the target gets citations of its own.
    for citation in list(source.citations):
        source.citations.remove(citation)
        if _content(citation) not in known:
            target.citations.append(_copy(citation))
    for position, citation in enumerate(target.citations, start=1):
        citation.position = position
    source.status = ClaimStatus.retracted if is_public else ClaimStatus.rejected
    source.merged, source.replaced_by_id = True, target.id
    now = utc_now()
    for row in (source, target):
        row.updated_at = now
    source.version += not took_version
    target.version += 1
    session.flush()
    session.execute(
        update(Claim)
        .where(Claim.id.in_([source.id, target.id]))
        .values(**citing())
        .execution_options(synchronize_session=False),
    )
    index_claims(session, [source.id, target.id])
    note_event(session, draft, "claim", source, "merged")
    note_event(session, draft, "claim", target, "updated")


def _copy(citation: Citation) -> Citation:
    fields = (*CITATION_FIELDS, "verification")
    return Citation(**{name: getattr(citation, name) for name in fields})


def _content(citation: Citation) -> tuple[object, ...]:
    return tuple(getattr(citation, name) for name in CITATION_FIELDS)
