"""Documents: the texts that are cited, with their passages."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.documents import get_document, list_documents
from app.schemas.documents import DocumentList, OneDocument
from app.schemas.shared import PageIn

router = APIRouter(prefix="/documents", tags=["documents"])


@router.get(
    "",
    response_model=DocumentList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
def read_documents(
    request: Request,
    session: ReadSession,
    query: Annotated[PageIn, Query()],
) -> Response:
    """List the documents, a page at a time."""
    return answer_page(request, list_documents(session, {}, page_at(query)))


@router.get(
    "/{document_id}",
    response_model=OneDocument,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
def read_document(
    request: Request,
    session: ReadSession,
    document_id: Annotated[str, Path(max_length=40, examples=["DOC1"])],
) -> Response:
    """Read one document: where it is from, its digest, and the bounds of its passages."""
    document = get_document(session, document_id)
    return answer(request, document, version=f"{document['id']}.{document['version']}")
