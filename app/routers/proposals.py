"""Proposals: changes to what is public, for a curator to accept or decline."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.bodies import StrictRoute
from app.commands.claim_edits import Edit
from app.commands.claim_reviews import accept_proposal, claim_of_proposal
from app.commands.proposals import decline_proposal, withdraw_proposal
from app.deps import ReadSession
from app.errors import (
    ForbiddenError,
    InvalidCursorError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
)
from app.preconditions import IfMatch, version_of
from app.problems import problem_responses
from app.queries.claims import claim_bodies, included_conflicts
from app.queries.proposals import get_proposal, list_proposals, proposal_number
from app.schemas.claim_edits import DryRunOut, Move
from app.schemas.claims import OneClaim
from app.schemas.proposals import ProposalFilters, ProposalList, ProposalOut
from app.writes import WRITE_PROBLEMS, Write, WriteSession

router = APIRouter(prefix="/proposals", tags=["curation"], route_class=StrictRoute)
ProposalId = Annotated[str, Path(max_length=40, examples=["PRP1"])]
READ_PROBLEMS = problem_responses(
    UnauthorizedError, ForbiddenError, NotFoundError, InvalidRequestError
)


@router.get(
    "",
    response_model=ProposalList,
    responses=READ_PROBLEMS | problem_responses(InvalidCursorError),
)
def read_proposals(
    request: Request, session: ReadSession, query: Annotated[ProposalFilters, Query()]
) -> Response:
    """List proposals, a page at a time; the open ones unless asked otherwise."""
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    return answer_page(request, list_proposals(session, filters, page_at(query)))


@router.get("/{proposal_id}", response_model=ProposalOut, responses=READ_PROBLEMS)
def read_proposal(request: Request, session: ReadSession, proposal_id: ProposalId) -> Response:
    """Read one proposal and what became of it."""
    proposal = get_proposal(session, proposal_id)
    return answer(request, proposal, version=f"{proposal['id']}.{proposal['version']}")


@router.post("/{proposal_id}/accept", response_model=OneClaim | DryRunOut, responses=WRITE_PROBLEMS)
def accept_one_proposal(
    write: WriteSession, proposal_id: ProposalId, expected: IfMatch, body: Move
) -> Response:
    """Apply a proposal as a whole; its rivals are superseded. Answers with the claim."""
    draft = write.draft("accept_proposal", body.reason)
    number = proposal_number(proposal_id)
    claim_id = claim_of_proposal(write.session, number)
    edit = Edit(
        claim_id,
        version_of(expected, proposal_id),
        write.actor,
        write.vocabulary,
        four_eyes=write.settings.four_eyes,
    )
    accept_proposal(write.session, draft, edit, number)

    def read() -> dict[str, Any]:
        [claim] = claim_bodies(write.session, [claim_id])
        return claim | {"included": included_conflicts(write.session, [claim])}

    return write.answer(draft, read)


@router.post(
    "/{proposal_id}/decline", response_model=ProposalOut | DryRunOut, responses=WRITE_PROBLEMS
)
def decline_one_proposal(
    write: WriteSession, proposal_id: ProposalId, expected: IfMatch, body: Move
) -> Response:
    """Decline a proposal; the reason is kept with it."""
    draft = write.draft("decline_proposal", body.reason)
    version = version_of(expected, proposal_id)
    decline_proposal(write.session, draft, proposal_number(proposal_id), version)
    return _answer(write, draft, proposal_id)


@router.post(
    "/{proposal_id}/withdraw", response_model=ProposalOut | DryRunOut, responses=WRITE_PROBLEMS
)
def withdraw_own_proposal(
    write: WriteSession, proposal_id: ProposalId, expected: IfMatch, body: Move
) -> Response:
    """Take one's own proposal back."""
    draft = write.draft("withdraw_proposal", body.reason)
    version = version_of(expected, proposal_id)
    withdraw_proposal(write.session, draft, write.actor, proposal_number(proposal_id), version)
    return _answer(write, draft, proposal_id)


def _answer(write: Write, draft: Any, proposal_id: str) -> Response:
    return write.answer(draft, lambda: get_proposal(write.session, proposal_id))
