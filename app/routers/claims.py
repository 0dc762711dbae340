"""Claims: lists by filter, one claim, one version of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError, WithdrawnError
from app.problems import problem_responses
from app.queries.claim_lists import group_claims, list_claims, only_fields
from app.queries.claims import (
    get_claim,
    get_claim_version,
    included_conflicts,
)
from app.queries.view import View
from app.schemas.claim_queries import ClaimFilters
from app.schemas.claims import CitationList, ClaimList, ClaimVersion, OneClaim

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
    asked = query.model_dump(exclude_unset=True, by_alias=True)
    view = View(concept_narrower=query.concept_narrower)
    if query.group_by is not None:
        return answer(request, group_claims(session, asked, view, query.group_by.split(",")))
    page, facets = list_claims(session, asked, view, page_at(query))
    included = included_conflicts(session, page.data)
    page = page._replace(data=only_fields(page.data, query.fields))
    return answer_page(request, page, included=included, facets=facets)


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
