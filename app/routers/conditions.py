"""Conditions: the list, and the page of one."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import DISCLAIMER, answer, answer_page, page_at, redirect
from app.deps import CurrentVocabulary, ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.conditions import get_condition_page, list_conditions, resolve_condition
from app.schemas.conditions import ConditionList, ConditionPage
from app.schemas.shared import PageIn

router = APIRouter(prefix="/conditions", tags=["conditions"])


@router.get(
    "",
    response_model=ConditionList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
def read_conditions(
    request: Request,
    session: ReadSession,
    query: Annotated[PageIn, Query()],
) -> Response:
    """List the conditions with the number of their claims and flagged conflicts."""
    return answer_page(request, list_conditions(session, {}, page_at(query)))


@router.get(
    "/{slug}",
    response_model=ConditionPage,
    responses={
        308: {"description": "An alias, or another spelling: `Location` has the slug."},
        **problem_responses(NotFoundError, InvalidRequestError),
    },
)
def read_condition(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
    slug: Annotated[str, Path(max_length=200, examples=["milia"])],
) -> Response:
    """Read everything that a page about one condition needs, in one answer.

    Names, external ids, counts, the claims grouped by type with citations and flags, the
    conflicts with all their sides, the documents with their passages, and a disclaimer.
    """
    condition_id, canonical = resolve_condition(session, slug)
    if slug != canonical:
        return redirect(request, f"/conditions/{canonical}")
    page = get_condition_page(session, condition_id, vocabulary, disclaimer=DISCLAIMER)
    return answer(request, page)
