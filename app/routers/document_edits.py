"""Documents: creating, changing, replacing and merging them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.bodies import StrictRoute
from app.commands import document_edits as edits
from app.commands import document_merges as merges
from app.commands import document_texts as texts
from app.commands.touched import RecordEdit
from app.deps import ReadSession
from app.errors import ForbiddenError, NotFoundError, UnauthorizedError
from app.identifiers import Prefix, public_id
from app.preconditions import Expected, IfMatch, record_number, version_of
from app.problems import problem_responses
from app.queries.documents import get_document, get_held_text
from app.schemas.base import Sentence
from app.schemas.claim_edits import DryRunOut
from app.schemas.document_edits import (
    AnchoredDocument,
    DocumentIn,
    DocumentMergeIn,
    DocumentPatch,
    StatusIn,
    TextIn,
)
from app.schemas.documents import OneDocument
from app.writes import WRITE_PROBLEMS, Write, WriteSession

router = APIRouter(prefix="/documents", tags=["curation"], route_class=StrictRoute)
DocumentId = Annotated[str, Path(max_length=40, examples=["DOC1"])]


@router.post(
    "",
    status_code=201,
    response_model=OneDocument,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut, "description": "A dry run"}},
)
def create_document(write: WriteSession, body: DocumentIn) -> Response:
    """Create a document with its passages; with its text, citations are verified by it."""
    draft = write.draft("create_document", body.reason)
    number = edits.create_document(write.session, draft, body)
    return write.answer(draft, lambda: _document(write, number), location=_address)


@router.patch(
    "/{document_id}",
    response_model=OneDocument | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def edit_document(
    write: WriteSession, document_id: DocumentId, expected: IfMatch, body: DocumentPatch
) -> Response:
    """Change a document by JSON merge patch; what is cited in it stays in its place."""
    draft = write.draft("edit_document", body.reason)
    edit = _edit(write, document_id, expected)
    edits.edit_document(write.session, draft, edit, body.patch)
    return write.answer(draft, lambda: _document(write, edit.record_id))


@router.post(
    "/{document_id}/status",
    response_model=OneDocument | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def change_document_status(
    write: WriteSession, document_id: DocumentId, expected: IfMatch, body: StatusIn
) -> Response:
    """Mark a document superseded or retracted, or active again.

    What only sources that are not active say takes no part in conflicts: flags change at once.
    """
    draft = write.draft("change_document_status", body.reason)
    edit = _edit(write, document_id, expected)
    edits.change_document_status(write.session, draft, edit, body)
    return write.answer(draft, lambda: _document(write, edit.record_id))


@router.delete(
    "/{document_id}",
    response_model=OneDocument | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def delete_document(
    write: WriteSession,
    document_id: DocumentId,
    expected: IfMatch,
    reason: Annotated[Sentence, Query(description="Kept with the revision.")],
) -> Response:
    """Retract a document that nothing cites. Nothing is erased."""
    draft = write.draft("delete_document", reason)
    edit = _edit(write, document_id, expected)
    edits.delete_document(write.session, draft, edit)
    return write.answer(draft, lambda: _document(write, edit.record_id))


@router.post(
    "/{document_id}/merge",
    response_model=OneDocument | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def merge_document(
    write: WriteSession, document_id: DocumentId, expected: IfMatch, body: DocumentMergeIn
) -> Response:
    """Merge a document into another record of it; answers with that other one."""
    draft = write.draft("merge_document", body.reason)
    target = record_number(Prefix.document, body.into)
    merges.merge_document(write.session, draft, _edit(write, document_id, expected), target)
    return write.answer(draft, lambda: _document(write, target))


@router.put(
    "/{document_id}/text",
    response_model=AnchoredDocument | DryRunOut,
    responses=WRITE_PROBLEMS,
)
def replace_document_text(
    write: WriteSession, document_id: DocumentId, expected: IfMatch, body: TextIn
) -> Response:
    """Hold this text for the document, and tell what became of its citations.

    A quote that is found exactly once moves there; the others keep their place and words, are
    `orphaned` and wait in the queue. Former texts are kept.
    """
    draft = write.draft("replace_document_text", body.reason)
    edit = _edit(write, document_id, expected)
    report = texts.replace_document_text(write.session, draft, edit, body)
    return write.answer(draft, lambda: _document(write, edit.record_id) | {"citations": report})


@router.get(
    "/{document_id}/text",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "The text, code point for code point"},
        **problem_responses(UnauthorizedError, ForbiddenError, NotFoundError),
    },
)
def read_document_text(session: ReadSession, document_id: DocumentId) -> Response:
    """Read the text that is held for a document, as it was sent."""
    digest, text = get_held_text(session, record_number(Prefix.document, document_id))
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private, no-store"}
    return Response(text.encode(), headers=headers, media_type="text/plain; charset=utf-8")


def _edit(write: Write, document_id: str, expected: Expected) -> RecordEdit:
    number = record_number(Prefix.document, document_id)
    return RecordEdit(number, version_of(expected, document_id), write.vocabulary)


def _document(write: Write, number: int) -> dict[str, Any]:
    return get_document(write.session, public_id(Prefix.document, number))


def _address(document: dict[str, Any]) -> str:
    return f"/documents/{document['id']}"
