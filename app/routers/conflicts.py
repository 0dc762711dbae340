"""Conflicts: what cannot all stand, always with all sides."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import CurrentVocabulary, ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.conflicts import get_conflict, list_conflicts
from app.queries.exclusions import view_of
from app.schemas.conflicts import ConflictFilters, ConflictList, ConflictOut

router = APIRouter(prefix="/conflicts", tags=["conflicts"])


@router.get(
    "",
    response_model=ConflictList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
def read_conflicts(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
    query: Annotated[ConflictFilters, Query()],
) -> Response:
    """List conflicts, a page at a time; tensions are among them, unflagged."""
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    view = view_of(session, filters, vocabulary, conditions=query.condition)
    return answer_page(request, list_conflicts(session, filters, page_at(query), view))


@router.get(
    "/{conflict_id}",
    response_model=ConflictOut,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
def read_conflict(
    request: Request,
    session: ReadSession,
    conflict_id: Annotated[str, Path(max_length=40, examples=["CNF1"])],
) -> Response:
    """Read one conflict: its sides, which of them clash and how, and why it is one."""
    conflict = get_conflict(session, conflict_id)
    return answer(request, conflict, version=f"{conflict['id']}.{conflict['version']}")
