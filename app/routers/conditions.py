"""Conditions: the list, and the page of one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.about import note_page
from app.answers import DISCLAIMER, answer_page, answer_record, page_at, redirect
from app.at_once import at_once
from app.deps import Past, Reader, ReadSession
from app.errors import (
    InvalidCursorError,
    InvalidRequestError,
    NotAcceptableError,
    NotFoundError,
)
from app.formats import negotiate
from app.problems import problem_responses
from app.queries.claim_stream import open_stream
from app.queries.comparisons import get_agreement, get_matrix
from app.queries.conditions import get_condition_page, list_conditions, resolve_condition
from app.queries.exclusions import view_of
from app.queries.records import condition_records
from app.queries.revisions import Versioned, list_revisions
from app.routers.exports import EXPORTED, alternates, answer_export
from app.schemas.comparisons import Agreement, Matrix, MatrixQuery
from app.schemas.conditions import ConditionFilters, ConditionList, ConditionPage
from app.schemas.revisions import RevisionList
from app.schemas.shared import Exclusions, Format, FormattedExclusions, PageIn

router = APIRouter(prefix="/conditions", tags=["conditions"])
Slug = Annotated[str, Path(max_length=200, examples=["milia"])]
OF_ONE: dict[int | str, dict[str, Any]] = {
    308: {"description": "An alias, or another spelling: `Location` has the slug."},
    **problem_responses(NotFoundError, InvalidRequestError),
}


@router.get(
    "",
    response_model=ConditionList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
@at_once
def read_conditions(
    request: Request,
    session: ReadSession,
    query: Annotated[ConditionFilters, Query()],
) -> Response:
    """List the conditions with the number of their claims and flagged conflicts."""
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    return answer_page(request, list_conditions(session, filters, page_at(query)))


@router.get(
    "/{slug}",
    response_model=ConditionPage,
    responses=EXPORTED | OF_ONE | problem_responses(NotAcceptableError),
)
def read_condition(
    request: Request,
    past: Past,
    slug: Slug,
    query: Annotated[FormattedExclusions, Query()],
) -> Response:
    """Read everything that a page about one condition needs, in one answer.

    Names, external ids, counts, the claims grouped by type with citations and flags, the
    conflicts with all their sides, the documents with their passages, and a disclaimer.
    Other formats than JSON are complete exports of its claims; `md` is the page to read.
    """
    offer = negotiate(request, query.format)
    reading = past.of_condition(query.as_of, slug)
    session, vocabulary, _ = reading
    condition_id, canonical = resolve_condition(session, slug)
    if slug != canonical:
        return redirect(request, f"/conditions/{canonical}")
    asked = query.model_dump(exclude_unset=True) | {"condition": [canonical]}
    view = view_of(session, asked, vocabulary, conditions=[canonical])
    if offer.format is not Format.json:
        stream = open_stream(session, asked, view, vocabulary, group=True)
        record = condition_records(session, [condition_id])[condition_id]
        return answer_export(request, stream, offer, vocabulary, condition=record)
    page = get_condition_page(session, condition_id, vocabulary, view, disclaimer=DISCLAIMER)
    note_page(request, reading, condition_id, asked)
    others = alternates(request, f"/conditions/{canonical}")
    version = f"{page['id']}.{page['version']}"
    return answer_record(request, page, reading, version=version, alternates=others)


@router.get(
    "/{slug}/matrix",
    response_model=Matrix,
    responses=OF_ONE,
)
def read_matrix(
    request: Request,
    past: Past,
    slug: Slug,
    query: Annotated[MatrixQuery, Query()],
) -> Response:
    """Compare the sources of a condition: questions by passages or documents.

    Each row is a question, each cell what one source answers; `conflicts` and `severity`
    tell where they part.
    """
    reading = past.of_condition(query.as_of, slug)
    session, vocabulary, _ = reading
    condition_id, canonical = resolve_condition(session, slug)
    if slug != canonical:
        return redirect(request, f"/conditions/{canonical}/matrix")
    view = view_of(session, query.model_dump(), vocabulary, conditions=[canonical])
    matrix = get_matrix(session, condition_id, vocabulary, view, by=query.by)
    return answer_record(request, matrix, reading)


@router.get(
    "/{slug}/agreement",
    response_model=Agreement,
    responses=OF_ONE,
)
def read_agreement(
    request: Request,
    past: Past,
    slug: Slug,
    query: Annotated[Exclusions, Query()],
) -> Response:
    """Count, for each question, how many passages give each answer.

    Counting says who stands where. It does not decide who is right.
    """
    reading = past.of_condition(query.as_of, slug)
    session, vocabulary, _ = reading
    condition_id, canonical = resolve_condition(session, slug)
    if slug != canonical:
        return redirect(request, f"/conditions/{canonical}/agreement")
    view = view_of(session, query.model_dump(), vocabulary, conditions=[canonical])
    return answer_record(request, get_agreement(session, condition_id, vocabulary, view), reading)


@router.get(
    "/{slug}/revisions",
    response_model=RevisionList,
    responses=OF_ONE | problem_responses(InvalidCursorError),
)
@at_once
def read_condition_revisions(
    request: Request,
    session: ReadSession,
    reader: Reader,
    slug: Slug,
    query: Annotated[PageIn, Query()],
) -> Response:
    """Read the versions of what a condition is called, the newest first.

    Its claims and conflicts have revisions of their own.
    """
    condition_id, canonical = resolve_condition(session, slug)
    if slug != canonical:
        return redirect(request, f"/conditions/{canonical}/revisions")
    record = Versioned("condition", condition_id)
    return answer_page(request, list_revisions(session, record, page_at(query), reader))
