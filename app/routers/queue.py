"""All work that waits for a curator."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import CurrentVocabulary, ReadSession
from app.errors import (
    ForbiddenError,
    InvalidCursorError,
    InvalidRequestError,
    UnauthorizedError,
)
from app.problems import problem_responses
from app.queries.queue import count_queue, list_queue
from app.schemas.queue import QueueCounts, QueueKind, QueueList
from app.schemas.shared import PageIn

router = APIRouter(prefix="/queue", tags=["curation"])
PROBLEMS = problem_responses(
    UnauthorizedError, ForbiddenError, InvalidCursorError, InvalidRequestError
)


@router.get("", response_model=QueueCounts, responses=PROBLEMS)
def read_queue(request: Request, session: ReadSession, vocabulary: CurrentVocabulary) -> Response:
    """How much waits: drafts, in review, proposals, orphaned and unverified citations, stale
    decisions, and conflicts that what waits would open."""
    return answer(request, {"data": count_queue(session, vocabulary)})


@router.get("/{kind}", response_model=QueueList, responses=PROBLEMS)
def read_queue_items(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
    kind: Annotated[QueueKind, Path(examples=["in_review"])],
    query: Annotated[PageIn, Query()],
) -> Response:
    """List what waits of one kind, the oldest first."""
    return answer_page(request, list_queue(session, kind, page_at(query), vocabulary))
