"""Concepts: creating, changing and merging them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.bodies import StrictRoute
from app.commands import concept_edits as edits
from app.commands import concept_merges as merges
from app.commands.touched import RecordEdit
from app.identifiers import Prefix, number_of
from app.preconditions import Expected, IfMatch, version_of
from app.queries.concepts import get_concept
from app.schemas.claim_edits import DryRunOut
from app.schemas.concept_edits import ConceptIn, ConceptMergeIn, ConceptPatch
from app.schemas.concepts import OneConcept
from app.writes import WRITE_PROBLEMS, Write, WriteSession

router = APIRouter(prefix="/concepts", tags=["curation"], route_class=StrictRoute)
Key = Annotated[str, Path(max_length=80, examples=["col17a1-mutation"])]


@router.post(
    "",
    status_code=201,
    response_model=OneConcept,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut, "description": "A dry run"}},
)
def create_concept(write: WriteSession, body: ConceptIn) -> Response:
    """Create a concept: a thing that claims can speak of."""
    draft = write.draft("create_concept", body.reason)
    edits.create_concept(write.session, draft, body)
    return write.answer(draft, lambda: get_concept(write.session, body.key), location=_address)


@router.patch("/{key}", response_model=OneConcept | DryRunOut, responses=WRITE_PROBLEMS)
def edit_concept(write: WriteSession, key: Key, expected: IfMatch, body: ConceptPatch) -> Response:
    """Change a concept by JSON merge patch.

    With `broader`, the conflicts of all claims that use it or anything narrower are computed
    anew. `If-Match` has its tag or version, such as `"CPT5.2"`.
    """
    draft = write.draft("edit_concept", body.reason)
    edits.edit_concept(write.session, draft, _edit(write, key, expected), body.patch)
    return write.answer(draft, lambda: get_concept(write.session, key))


@router.post("/{key}/merge", response_model=OneConcept | DryRunOut, responses=WRITE_PROBLEMS)
def merge_concept(
    write: WriteSession, key: Key, expected: IfMatch, body: ConceptMergeIn
) -> Response:
    """Merge a concept into another one for the same thing; answers with that other one.

    Its claims, words, external ids and place in the hierarchy move; claims that say the same
    thereby are merged, and its key leads to the other concept.
    """
    draft = write.draft("merge_concept", body.reason)
    merges.merge_concept(write.session, draft, _edit(write, key, expected), body.into)
    return write.answer(draft, lambda: get_concept(write.session, body.into))


def _edit(write: Write, key: str, expected: Expected) -> RecordEdit:
    name = get_concept(write.session, key)["id"]
    version = version_of(expected, name)
    return RecordEdit(number_of(Prefix.concept, name), version, write.vocabulary)


def _address(concept: dict[str, Any]) -> str:
    return f"/concepts/{concept['key']}"
