"""Decisions on conflicts, and conflicts that the rules missed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.bodies import StrictRoute
from app.commands.decisions import assert_conflict, decide_conflict
from app.commands.touched import RecordEdit
from app.identifiers import Prefix
from app.preconditions import IfMatch, record_number, version_of
from app.queries.conflicts import conflict_records
from app.schemas.claim_edits import DryRunOut
from app.schemas.conflicts import ConflictOut
from app.schemas.decisions import AssertionIn, DecisionIn
from app.writes import WRITE_PROBLEMS, Write, WriteSession

router = APIRouter(prefix="/conflicts", tags=["curation"], route_class=StrictRoute)


@router.post(
    "",
    status_code=201,
    response_model=ConflictOut,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut}},
)
def assert_missed_conflict(write: WriteSession, body: AssertionIn) -> Response:
    """Open a conflict that the rules missed, over claims of one condition."""
    draft = write.draft("assert_conflict", body.reason)
    conflict_id = assert_conflict(write.session, draft, body, write.vocabulary)
    return write.answer(draft, lambda: _conflict(write, conflict_id), location=_address)


@router.post(
    "/{conflict_id}/decisions",
    response_model=ConflictOut | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def decide_on_conflict(
    write: WriteSession,
    conflict_id: Annotated[str, Path(max_length=40, examples=["CNF1"])],
    expected: IfMatch,
    body: DecisionIn,
) -> Response:
    """Confirm, explain or dismiss a conflict; answers with its new version."""
    draft = write.draft("decide_conflict", body.reason)
    number = record_number(Prefix.conflict, conflict_id)
    edit = RecordEdit(number, version_of(expected, conflict_id), write.vocabulary)
    decide_conflict(write.session, draft, edit, body)
    return write.answer(draft, lambda: _conflict(write, number))


def _conflict(write: Write, conflict_id: int) -> dict[str, Any]:
    return conflict_records(write.session, [conflict_id])[conflict_id]


def _address(conflict: dict[str, Any]) -> str:
    return f"/conflicts/{conflict['id']}"
