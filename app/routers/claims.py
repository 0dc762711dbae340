"""Claims: lists by filter, one claim, one version of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError, WithdrawnError
from app.problems import problem_responses
from app.queries.claims import (
    get_claim,
    get_claim_version,
    included_conflicts,
    list_claims,
)
from app.schemas.claims import CitationList, ClaimFilters, ClaimList, ClaimVersion, OneClaim

router = APIRouter(prefix="/claims", tags=["claims"])
ClaimId = Annotated[str, Path(max_length=40, examples=["CLM1"])]


@router.get(
    "",
    response_model=ClaimList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
def read_claims(
    request: Request,
    session: ReadSession,
    query: Annotated[ClaimFilters, Query()],
) -> Response:
    """List the claims that fit, a page at a time.

    `included.conflicts` has every open conflict of the claims on the page with all its
    sides, so that no side is shown alone.
    """
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    page = list_claims(session, filters, page_at(query))
    return answer_page(request, page, included=included_conflicts(session, page.data))


@router.get(
    "/{claim_id}.{version}",
    response_model=ClaimVersion,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
def read_claim_version(
    request: Request,
    session: ReadSession,
    claim_id: ClaimId,
    version: Annotated[str, Path(max_length=12, examples=["1"])],
) -> Response:
    """Read a claim as one of its versions was, for ever the same; without computed flags."""
    return answer(request, get_claim_version(session, f"{claim_id}.{version}"))


@router.get(
    "/{claim_id}",
    response_model=OneClaim,
    responses=problem_responses(NotFoundError, WithdrawnError, InvalidRequestError),
)
def read_claim(request: Request, session: ReadSession, claim_id: ClaimId) -> Response:
    """Read one claim as it stands, with its citations and the conflicts that it is in."""
    claim = get_claim(session, claim_id)
    return answer(request, claim, version=f"{claim['id']}.{claim['version']}")


@router.get(
    "/{claim_id}/citations",
    response_model=CitationList,
    responses=problem_responses(NotFoundError, WithdrawnError, InvalidRequestError),
)
def read_citations(request: Request, session: ReadSession, claim_id: ClaimId) -> Response:
    """Read who says the claim, where, and with which certainty and frequency."""
    return answer(request, {"data": get_claim(session, claim_id)["citations"]})
