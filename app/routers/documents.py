"""Documents: the texts that are cited, with their passages."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer_page, answer_record, page_at, redirect
from app.at_once import at_once
from app.deps import Past, Reader, ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.documents import get_document, get_document_at, list_documents
from app.queries.revisions import list_revisions, named_record
from app.schemas.documents import DocumentList, ReadDocument
from app.schemas.revisions import RevisionList
from app.schemas.shared import AsOf, PageIn

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get(
    "",
    response_model=DocumentList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
@at_once
def read_documents(
    request: Request,
    session: ReadSession,
    query: Annotated[PageIn, Query()],
) -> Response:
    """List the documents, a page at a time."""
    return answer_page(request, list_documents(session, {}, page_at(query)))


@router.get(
    "/{document_id}",
    response_model=ReadDocument,
    responses={
        308: {"description": "Merged into another document: `Location` has it."},
        **problem_responses(NotFoundError, InvalidRequestError),
    },
)
@at_once
def read_document(
    request: Request,
    past: Past,
    document_id: Annotated[str, Path(max_length=40, examples=["DOC1"])],
    query: Annotated[AsOf, Query()],
) -> Response:
    """Read one document: where it is from, its digest, and the bounds of its passages."""
    reading = past.at(query.as_of)
    if reading.moment:
        document = get_document_at(reading.session, reading.moment, document_id)
    else:
        document = get_document(reading.session, document_id)
    if document["merged"]:
        return redirect(request, f"/documents/{document['replaced_by']}")
    version = f"{document['id']}.{document['version']}"
    return answer_record(request, document, reading, version=version)


@router.get(
    "/{document_id}/revisions",
    response_model=RevisionList,
    responses=problem_responses(InvalidCursorError, NotFoundError, InvalidRequestError),
)
@at_once
def read_document_revisions(
    request: Request,
    session: ReadSession,
    reader: Reader,
    document_id: Annotated[str, Path(max_length=40, examples=["DOC1"])],
    query: Annotated[PageIn, Query()],
) -> Response:
    """Read the versions of a document, the newest first."""
    record = named_record("document", document_id)
    return answer_page(request, list_revisions(session, record, page_at(query), reader))
