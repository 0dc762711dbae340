"""Conditions: creating and changing them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.bodies import StrictRoute
from app.commands import condition_edits as edits
from app.commands.touched import RecordEdit
from app.identifiers import Prefix, public_id
from app.preconditions import IfMatch, version_of
from app.queries.conditions import resolve_condition
from app.queries.records import condition_records
from app.schemas.claim_edits import DryRunOut
from app.schemas.condition_edits import ConditionIn, ConditionPatch
from app.schemas.conditions import ConditionBase
from app.writes import WRITE_PROBLEMS, Write, WriteSession

router = APIRouter(prefix="/conditions", tags=["curation"], route_class=StrictRoute)


@router.post(
    "",
    status_code=201,
    response_model=ConditionBase,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut, "description": "A dry run"}},
)
def create_condition(write: WriteSession, body: ConditionIn) -> Response:
    """Create a condition that claims can be about."""
    draft = write.draft("create_condition", body.reason)
    number = edits.create_condition(write.session, draft, body)
    return write.answer(draft, lambda: _condition(write, number), location=_address)


@router.patch("/{slug}", response_model=ConditionBase | DryRunOut, responses=WRITE_PROBLEMS)
def edit_condition(
    write: WriteSession,
    slug: Annotated[str, Path(max_length=200, examples=["milia"])],
    expected: IfMatch,
    body: ConditionPatch,
) -> Response:
    """Change the names, description or external ids of a condition by JSON merge patch.

    `If-Match` has its version, such as `"CND1.2"`.
    """
    draft = write.draft("edit_condition", body.reason)
    number, _ = resolve_condition(write.session, slug)
    version = version_of(expected, public_id(Prefix.condition, number))
    edit = RecordEdit(number, version, write.vocabulary)
    edits.edit_condition(write.session, draft, edit, body.patch)
    return write.answer(draft, lambda: _condition(write, number))


def _condition(write: Write, number: int) -> dict[str, Any]:
    return condition_records(write.session, [number])[number]


def _address(condition: dict[str, Any]) -> str:
    return f"/conditions/{condition['slug']}"
