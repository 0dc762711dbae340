"""Conflicts: what cannot all stand, always with all sides."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.about import note_conflict
from app.answers import answer_page, answer_record, page_at
from app.at_once import at_once
from app.deps import Past, Reader, ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.conflicts import get_conflict, list_conflicts
from app.queries.exclusions import view_of
from app.queries.revisions import list_revisions, named_record
from app.schemas.conflicts import ConflictFilters, ConflictList, OneConflict
from app.schemas.revisions import RevisionList
from app.schemas.shared import AsOf, PageIn

router = APIRouter(prefix="/conflicts", tags=["conflicts"])


@router.get(
    "",
    response_model=ConflictList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
@at_once
def read_conflicts(
    request: Request,
    past: Past,
    query: Annotated[ConflictFilters, Query()],
) -> Response:
    """List conflicts, a page at a time; tensions are among them, unflagged."""
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    reading = past.of_list(query.as_of, query.condition)
    view = view_of(reading.session, filters, reading.vocabulary, conditions=query.condition)
    page = list_conflicts(reading.session, filters, page_at(query), view)
    return answer_page(request, page, reading=reading)


@router.get(
    "/{conflict_id}",
    response_model=OneConflict,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
@at_once
def read_conflict(
    request: Request,
    past: Past,
    conflict_id: Annotated[str, Path(max_length=40, examples=["CNF1"])],
    query: Annotated[AsOf, Query()],
) -> Response:
    """Read one conflict: its sides, which of them clash and how, and why it is one."""
    reading = past.of_record(query.as_of, "conflict", conflict_id)
    conflict = get_conflict(reading.session, conflict_id)
    version = f"{conflict['id']}.{conflict['version']}"
    note_conflict(request, reading, conflict["id"])
    return answer_record(request, conflict, reading, version=version)


@router.get(
    "/{conflict_id}/revisions",
    response_model=RevisionList,
    responses=problem_responses(InvalidCursorError, NotFoundError, InvalidRequestError),
)
@at_once
def read_conflict_revisions(
    request: Request,
    session: ReadSession,
    reader: Reader,
    conflict_id: Annotated[str, Path(max_length=40, examples=["CNF1"])],
    query: Annotated[PageIn, Query()],
) -> Response:
    """Read how a conflict opened, changed, was decided on and closed, the newest first."""
    record = named_record("conflict", conflict_id)
    return answer_page(request, list_revisions(session, record, page_at(query), reader))
