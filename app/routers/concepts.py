"""Concepts: what claims speak of."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from app.answers import answer_page, answer_record, page_at, redirect
from app.at_once import at_once
from app.deps import Past, Reader, ReadSession
from app.errors import InvalidCursorError, InvalidRequestError, NotFoundError
from app.problems import problem_responses
from app.queries.concepts import get_concept, get_concept_at, list_concepts
from app.queries.revisions import list_revisions, named_concept
from app.schemas.concepts import ConceptFilters, ConceptList, ReadConcept
from app.schemas.revisions import RevisionList
from app.schemas.shared import AsOf, PageIn

router = APIRouter(prefix="/concepts", tags=["concepts"])


@router.get(
    "",
    response_model=ConceptList,
    responses=problem_responses(InvalidCursorError, InvalidRequestError),
)
@at_once
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
    response_model=ReadConcept,
    responses={
        308: {"description": "Merged into another concept: `Location` has it."},
        **problem_responses(NotFoundError, InvalidRequestError),
    },
)
@at_once
def read_concept(
    request: Request,
    past: Past,
    key: Annotated[str, Path(max_length=80, examples=["col17a1-mutation"])],
    query: Annotated[AsOf, Query()],
) -> Response:
    """Read one concept: other words for it, what is broader and narrower, where it is used."""
    reading = past.at(query.as_of)
    if reading.moment:
        concept = get_concept_at(reading.session, reading.moment, key)
    else:
        concept = get_concept(reading.session, key)
    if concept["merged_into"]:
        return redirect(request, f"/concepts/{concept['merged_into']}")
    version = f"{concept['id']}.{concept['version']}"
    return answer_record(request, concept, reading, version=version)


@router.get(
    "/{key}/revisions",
    response_model=RevisionList,
    responses=problem_responses(InvalidCursorError, NotFoundError, InvalidRequestError),
)
@at_once
def read_concept_revisions(
    request: Request,
    session: ReadSession,
    reader: Reader,
    key: Annotated[str, Path(max_length=80, examples=["col17a1-mutation"])],
    query: Annotated[PageIn, Query()],
) -> Response:
    """Read the versions of a concept, the newest first."""
    record = named_concept(session, key)
    return answer_page(request, list_revisions(session, record, page_at(query), reader))
