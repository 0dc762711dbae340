"""Concepts: what claims speak of."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer, answer_page, page_at
from app.deps import ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.concepts import get_concept, list_concepts
from app.schemas.concepts import ConceptFilters, ConceptList, OneConcept

router = APIRouter(prefix="/concepts", tags=["concepts"])


@router.get(
    "",
    response_model=ConceptList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
def read_concepts(
    request: Request,
    session: ReadSession,
    query: Annotated[ConceptFilters, Query()],
) -> Response:
    """List the concepts by key, a page at a time."""
    filters = query.model_dump(mode="json", exclude_unset=True, exclude={"limit", "cursor"})
    return answer_page(request, list_concepts(session, filters, page_at(query)))


@router.get(
    "/{key}",
    response_model=OneConcept,
    responses=problem_responses(NotFoundError, InvalidRequestError),
)
def read_concept(
    request: Request,
    session: ReadSession,
    key: Annotated[str, Path(max_length=80, examples=["col17a1-mutation"])],
) -> Response:
    """Read one concept: other words for it, what is broader and narrower, where it is used."""
    concept = get_concept(session, key)
    return answer(request, concept, version=f"{concept['id']}.{concept['version']}")
