"""Claims: lists by filter, one claim, one version of it."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from app.about import note_claim, note_list
from app.answers import answer, answer_page, answer_record, page_at, redirect
from app.at_once import at_once
from app.bodies import StrictRoute
from app.deps import Past, Reader, ReadSession
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
from app.json_parts import with_members
from app.parameters import QueryOf
from app.problems import problem_responses
from app.queries.claim_lists import group_claims, list_claims
from app.queries.claim_stream import open_stream
from app.queries.claims import Moved, get_claim, get_claim_version
from app.queries.exclusions import view_of
from app.queries.past_reading import Reading
from app.queries.revisions import list_revisions, named_record
from app.queries.search import search_record
from app.queries.view import View
from app.queries.withdrawals import withdrawal_record
from app.routers.exports import EXPORTED, PAGE_PARAMETERS, alternates, answer_export
from app.schemas.claim_queries import ClaimFilters, ClaimSearch, Words
from app.schemas.claims import (
    CitationList,
    ClaimGroups,
    ClaimList,
    ClaimPartList,
    ClaimVersion,
    ReadClaim,
)
from app.schemas.revisions import RevisionList
from app.schemas.shared import AsOf, Format, PageIn

router = APIRouter(prefix="/claims", tags=["claims"], route_class=StrictRoute)
ASKED = QueryOf(ClaimFilters)
ClaimId = Annotated[str, Path(max_length=40, examples=["CLM1"])]
OF_ONE: dict[int | str, dict[str, Any]] = {
    308: {"description": "Merged into another claim: `Location` has it."},
    **problem_responses(NotFoundError, WithdrawnError, InvalidRequestError),
}


@router.get(
    "",
    response_model=ClaimList | ClaimPartList | ClaimGroups,
    responses=EXPORTED
    | problem_responses(InvalidCursorError, NotAcceptableError, InvalidRequestError),
    openapi_extra=ASKED.documented,
)
@at_once
def read_claims(
    request: Request,
    past: Past,
    query: Annotated[ClaimFilters, Depends(ASKED)],
) -> Response:
    """List the claims that fit, a page at a time.

    `included.conflicts` has every open conflict of the claims on the page with all its
    sides, so that no side is shown alone. Other formats than JSON are complete exports.
    """
    offer = negotiate(request, query.format)
    asked = query.model_dump(exclude_unset=True, by_alias=True)
    reading = past.of_list(query.as_of, query.condition)
    session, vocabulary, _ = reading
    view = view_of(session, asked, vocabulary, conditions=query.condition)
    if offer.format is not Format.json:
        refuse_page_parameters(asked, PAGE_PARAMETERS, offer)
        group = offer.format is Format.md
        stream = open_stream(session, asked, view, vocabulary, group=group)
        return answer_export(request, stream, offer, vocabulary)
    groups = query.group_by.split(",") if query.group_by else []
    note_list(request, reading, asked)
    return _answer_list(request, reading, view, query, asked, groups=groups)


@router.post(
    "/search",
    response_model=ClaimList | ClaimPartList | ClaimGroups,
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
    past: Past,
    query: ClaimSearch,
) -> Response:
    """List the claims that fit a nested query, in the shape of `GET /claims`.

    `filter` combines criteria by `all`, `any` and `not`; everything else is as in the
    parameters of the list. Nothing is written.
    """
    asked = query.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)
    conditions = query.filter.condition if query.filter else []
    reading = past.of_list(query.as_of, conditions)
    view = view_of(reading.session, asked, reading.vocabulary, conditions=conditions)
    return _answer_list(request, reading, view, query, asked, groups=query.group_by)


def _answer_list(
    request: Request,
    reading: Reading,
    view: View,
    query: Words,
    asked: dict[str, Any],
    *,
    groups: Sequence[str],
) -> Response:
    session = reading.session
    if groups:
        grouped = group_claims(session, asked, view, groups)
        grouped["meta"]["as_of"] = reading.as_of
        return answer(request, grouped, more_headers=reading.headers)
    found = list_claims(session, asked, view, page_at(query))
    return answer_page(
        request,
        found.page,
        more={"facets": found.facets, "included": found.included},
        meta={"search": search_record(asked, is_capped=found.is_capped)},
        reading=reading,
        alternates=alternates(request, "/claims") if request.method == "GET" else (),
    )


@router.get(
    "/{claim_id}.{version}",
    response_model=ClaimVersion,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
@at_once
def read_claim_version(
    request: Request,
    session: ReadSession,
    reader: Reader,
    claim_id: ClaimId,
    version: Annotated[str, Path(max_length=12, examples=["1"])],
) -> Response:
    """Read a claim as one of its versions was, for ever the same; without computed flags.

    `withdrawn` tells whether the claim stands no more.
    """
    name = f"{claim_id}.{version}"
    return answer(request, get_claim_version(session, name, signed_in=reader is not None))


@router.get(
    "/{claim_id}",
    response_model=ReadClaim,
    responses=OF_ONE,
)
@at_once
def read_claim(
    request: Request,
    past: Past,
    reader: Reader,
    claim_id: ClaimId,
    query: Annotated[AsOf, Query()],
) -> Response:
    """Read one claim as it stands, with its citations and the conflicts that it is in.

    A withdrawn claim answers 410 with when, why, and its public versions. Who is signed in
    reads it, and what is not published yet.
    """
    reading = past.of_record(query.as_of, "claim", claim_id)
    claim = get_claim(reading.session, claim_id, signed_in=reader is not None)
    if isinstance(claim, Moved):
        return redirect(request, f"/claims/{claim.to}")
    withdrawal = claim.withdrawal
    if reading.moment:
        withdrawal = withdrawal_record(past.present.session, claim.id)
    content = with_members(claim.content, {"withdrawn": withdrawal})
    note_claim(request, reading, claim.condition_id)
    return answer_record(request, content, reading, version=f"{claim.id}.{claim.version}")


@router.get(
    "/{claim_id}/citations",
    response_model=CitationList,
    responses=OF_ONE,
)
@at_once
def read_citations(
    request: Request,
    past: Past,
    reader: Reader,
    claim_id: ClaimId,
    query: Annotated[AsOf, Query()],
) -> Response:
    """Read who says the claim, where, and with which certainty and frequency."""
    reading = past.of_record(query.as_of, "claim", claim_id)
    claim = get_claim(reading.session, claim_id, signed_in=reader is not None)
    if isinstance(claim, Moved):
        return redirect(request, f"/claims/{claim.to}/citations")
    return answer_record(request, {"data": json.loads(claim.content)["citations"]}, reading)


@router.get(
    "/{claim_id}/revisions",
    response_model=RevisionList,
    responses=problem_responses(InvalidCursorError, NotFoundError, InvalidRequestError),
)
@at_once
def read_claim_revisions(
    request: Request,
    session: ReadSession,
    reader: Reader,
    claim_id: ClaimId,
    query: Annotated[PageIn, Query()],
) -> Response:
    """Read the versions of a claim, the newest first: who changed what, when and why.

    Anybody sees those that were public, and that it was withdrawn.
    """
    record = named_record("claim", claim_id)
    return answer_page(request, list_revisions(session, record, page_at(query), reader))
