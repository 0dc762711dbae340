"""Claims: lists by filter, one claim, one version of it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.bodies import StrictRoute
from app.deps import CurrentVocabulary, ReadSession
from app.errors import (
    BodyTooLargeError,
    InvalidCursorError,
    InvalidRequestError,
    MalformedRequestError,
    NotAcceptableError,
    NotFoundError,
    UnsupportedMediaTypeError,
    WithdrawnError,
)
from app.formats import negotiate, refuse_page_parameters
from app.problems import problem_responses
from app.queries.claim_lists import group_claims, list_claims, only_fields
from app.queries.claim_stream import open_stream
from app.queries.claims import (
    get_claim,
    get_claim_version,
    included_conflicts,
)
from app.queries.exclusions import view_of
from app.queries.search import search_record
from app.queries.view import View
from app.routers.exports import EXPORTED, PAGE_PARAMETERS, alternates, answer_export
from app.schemas.claim_queries import ClaimFilters, ClaimSearch, Words
from app.schemas.claims import CitationList, ClaimGroups, ClaimList, ClaimVersion, OneClaim
from app.schemas.shared import Format

router = APIRouter(prefix="/claims", tags=["claims"], route_class=StrictRoute)
ClaimId = Annotated[str, Path(max_length=40, examples=["CLM1"])]


@router.get(
    "",
    response_model=ClaimList | ClaimGroups,
    responses=EXPORTED
    | problem_responses(InvalidCursorError, NotAcceptableError, InvalidRequestError),
)
def read_claims(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
    query: Annotated[ClaimFilters, Query()],
) -> Response:
    """List the claims that fit, a page at a time.

    `included.conflicts` has every open conflict of the claims on the page with all its
    sides, so that no side is shown alone. Other formats than JSON are complete exports.
    """
    offer = negotiate(request, query.format)
    asked = query.model_dump(exclude_unset=True, by_alias=True)
    view = view_of(session, asked, vocabulary, conditions=query.condition)
    if offer.format is not Format.json:
        refuse_page_parameters(asked, PAGE_PARAMETERS, offer)
        group = offer.format is Format.md
        stream = open_stream(session, asked, view, vocabulary, group=group)
        return answer_export(request, stream, offer, vocabulary)
    groups = query.group_by.split(",") if query.group_by else []
    return _answer_list(request, session, view, query, asked, groups=groups)


@router.post(
    "/search",
    response_model=ClaimList | ClaimGroups,
    responses=problem_responses(
        MalformedRequestError,
        InvalidCursorError,
        BodyTooLargeError,
        UnsupportedMediaTypeError,
        InvalidRequestError,
    ),
)
def search_claims(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
    query: ClaimSearch,
) -> Response:
    """List the claims that fit a nested query, in the shape of `GET /claims`.

    `filter` combines criteria by `all`, `any` and `not`; everything else is as in the
    parameters of the list. Nothing is written.
    """
    asked = query.model_dump(exclude_unset=True, by_alias=True)
    conditions = query.filter.condition if query.filter else []
    view = view_of(session, asked, vocabulary, conditions=conditions)
    return _answer_list(request, session, view, query, asked, groups=query.group_by)


def _answer_list(
    request: Request,
    session: ReadSession,
    view: View,
    query: Words,
    asked: dict[str, Any],
    *,
    groups: Sequence[str],
) -> Response:
    if groups:
        return answer(request, group_claims(session, asked, view, groups))
    page, facets = list_claims(session, asked, view, page_at(query))
    included = included_conflicts(session, page.data, view)
    page = page._replace(data=only_fields(page.data, query.fields))
    more = {"facets": facets, "included": included}
    return answer_page(
        request,
        page,
        more=more,
        meta={"search": search_record(asked)},
        alternates=alternates(request, "/claims") if request.method == "GET" else (),
    )


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
