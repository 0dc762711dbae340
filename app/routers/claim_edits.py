"""Claims: creating, changing and merging them, and their citations."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.bodies import StrictRoute
from app.commands.citation_edits import with_citation, with_patched_citation, without_citation
from app.commands.claim_edits import Edit, create_claim, edit_claim
from app.commands.claim_merges import merge_claim
from app.commands.claim_reviews import (
    PUBLISH,
    REJECT,
    RESTORE,
    RETRACT,
    SUBMIT,
    Step,
    delete_claim,
    move_claim,
)
from app.identifiers import Prefix
from app.preconditions import Expected, IfMatch, record_number, version_of
from app.queries.claims import claim_as_json, claim_bodies, included_conflicts
from app.queries.proposals import proposal_records
from app.schemas.base import Sentence
from app.schemas.claim_edits import (
    CitationIn,
    CitationPatch,
    ClaimIn,
    ClaimPatch,
    DryRunOut,
    Merge,
    Move,
    Retraction,
)
from app.schemas.claims import OneClaim
from app.schemas.proposals import ProposalOut
from app.writes import WRITE_PROBLEMS, Write, WriteSession, WrittenRecord

router = APIRouter(prefix="/claims", tags=["curation"], route_class=StrictRoute)
ClaimId = Annotated[str, Path(max_length=40, examples=["CLM1"])]
CitationId = Annotated[str, Path(max_length=40, examples=["CIT1"])]
Reason = Annotated[Sentence, Query(description="Kept with the revision.")]
PROPOSED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": ProposalOut,
        "description": "The claim is public: the change is a proposal that a curator decides on.",
    },
}


@router.post(
    "",
    status_code=201,
    response_model=OneClaim,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut}},
)
def add_claim(write: WriteSession, body: ClaimIn) -> Response:
    """Create a claim, as a draft. One that exists already is named by the 409."""
    draft = write.draft("create_claim", body.reason)
    claim_id = create_claim(write.session, draft, body, write.vocabulary)
    return write.answer(draft, lambda: _new_claim(write, claim_id), location=_address)


@router.patch(
    "/{claim_id}",
    response_model=OneClaim | DryRunOut,
    responses=WRITE_PROBLEMS | PROPOSED,
)
def change_claim(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: ClaimPatch
) -> Response:
    """Change a claim by JSON merge patch; of a published one, a contributor proposes it."""
    draft = write.draft("edit_claim", body.reason)
    edit = _edit(write, claim_id, expected)
    return _answer(write, draft, edit, edit_claim(write.session, draft, edit, body.patch))


@router.delete("/{claim_id}", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def remove_claim(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, reason: Reason
) -> Response:
    """Retract a published claim, or withdraw a draft. The record and its history stay."""
    draft = write.draft("delete_claim", reason)
    edit = _edit(write, claim_id, expected)
    delete_claim(write.session, draft, edit)
    return _answer(write, draft, edit, None)


@router.post("/{claim_id}/submit", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def submit_claim(write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Move) -> Response:
    """Hand a draft in for review."""
    return _move(write, claim_id, expected, SUBMIT, body.reason)


@router.post("/{claim_id}/publish", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def publish_claim(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Move
) -> Response:
    """Publish a claim in review; its conflicts are recorded in the same step."""
    return _move(write, claim_id, expected, PUBLISH, body.reason)


@router.post("/{claim_id}/reject", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def reject_claim(write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Move) -> Response:
    """Reject a claim in review."""
    return _move(write, claim_id, expected, REJECT, body.reason)


@router.post("/{claim_id}/retract", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def retract_claim(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Retraction
) -> Response:
    """Withdraw a published claim; its address answers 410 with the reason and the replacement."""
    other = record_number(Prefix.claim, body.replaced_by) if body.replaced_by else None
    return _move(write, claim_id, expected, RETRACT, body.reason, replaced_by=other)


@router.post("/{claim_id}/restore", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def restore_claim(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Move
) -> Response:
    """Publish a retracted claim again, or make a rejected one a draft again."""
    return _move(write, claim_id, expected, RESTORE, body.reason)


@router.post("/{claim_id}/merge", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def merge_claim_into(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: Merge
) -> Response:
    """Merge a claim into another one that says the same; answers with that other one."""
    draft = write.draft("merge_claim", body.reason)
    target_id = record_number(Prefix.claim, body.into)
    merge_claim(write.session, draft, _edit(write, claim_id, expected), target_id)
    return write.answer(draft, lambda: _claim(write, target_id))


@router.post(
    "/{claim_id}/citations",
    response_model=OneClaim | DryRunOut,
    responses=WRITE_PROBLEMS | PROPOSED,
)
def add_citation(
    write: WriteSession, claim_id: ClaimId, expected: IfMatch, body: CitationIn
) -> Response:
    """Cite one more passage for the claim; answers with the claim's new version."""
    draft = write.draft("create_citation", body.reason)
    edit = _edit(write, claim_id, expected)
    patch = with_citation(write.session, edit.claim_id, body)
    return _answer(write, draft, edit, edit_claim(write.session, draft, edit, patch))


@router.patch(
    "/{claim_id}/citations/{citation_id}",
    response_model=OneClaim | DryRunOut,
    responses=WRITE_PROBLEMS | PROPOSED,
)
def change_citation(
    write: WriteSession,
    claim_id: ClaimId,
    citation_id: CitationId,
    expected: IfMatch,
    body: CitationPatch,
) -> Response:
    """Change a citation by JSON merge patch; If-Match has the claim's tag."""
    draft = write.draft("edit_citation", body.reason)
    edit = _edit(write, claim_id, expected)
    patch = with_patched_citation(write.session, edit.claim_id, citation_id, body.patch)
    return _answer(write, draft, edit, edit_claim(write.session, draft, edit, patch))


@router.delete(
    "/{claim_id}/citations/{citation_id}",
    response_model=OneClaim | DryRunOut,
    responses=WRITE_PROBLEMS | PROPOSED,
)
def remove_citation(
    write: WriteSession,
    claim_id: ClaimId,
    citation_id: CitationId,
    expected: IfMatch,
    reason: Reason,
) -> Response:
    """Take a citation away; If-Match has the claim's tag. Earlier versions keep it."""
    draft = write.draft("delete_citation", reason)
    edit = _edit(write, claim_id, expected)
    patch = without_citation(write.session, edit.claim_id, citation_id)
    return _answer(write, draft, edit, edit_claim(write.session, draft, edit, patch))


def _move(
    write: Write,
    claim_id: str,
    expected: Expected,
    step: Step,
    reason: str,
    *,
    replaced_by: int | None = None,
) -> Response:
    draft = write.draft(f"claim_{step.past}", reason)
    edit = _edit(write, claim_id, expected)
    move_claim(write.session, draft, edit, step, replaced_by=replaced_by)
    return _answer(write, draft, edit, None)


def _edit(write: Write, claim_id: str, expected: Expected) -> Edit:
    number = record_number(Prefix.claim, claim_id)
    version = version_of(expected, claim_id)
    four_eyes = write.settings.four_eyes
    return Edit(number, version, write.actor, write.vocabulary, four_eyes=four_eyes)


def _answer(write: Write, draft: Any, edit: Edit, proposal_id: int | None) -> Response:
    if proposal_id is None:
        return write.answer(draft, lambda: _claim(write, edit.claim_id))
    return write.answer(
        draft,
        lambda: proposal_records(write.session, [proposal_id])[proposal_id] | {"outdated": False},
        location=lambda record: f"/proposals/{record['id']}",
        status=202,
    )


def _claim(write: Write, claim_id: int) -> WrittenRecord:
    claim = claim_as_json(write.session, claim_id)
    return WrittenRecord(claim.id, claim.version, claim.content)


def _new_claim(write: Write, claim_id: int) -> dict[str, Any]:
    [claim] = claim_bodies(write.session, [claim_id])
    return claim | {"included": included_conflicts(write.session, [claim])}


def _address(claim: dict[str, Any]) -> str:
    return f"/claims/{claim['id']}"
