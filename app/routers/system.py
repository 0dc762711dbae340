"""The index, what problems mean, and whether the service is well."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from prometheus_client import CONTENT_TYPE_LATEST as METRICS_TYPE
from starlette.responses import JSONResponse, Response

from app.answers import DISCLAIMER, answer, answer_html
from app.deps import ReadSession, ReplicaLook, Writable
from app.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
    all_errors,
)
from app.metrics import Metrics
from app.pages import DOCS_PAGE, DOCS_POLICY, PAGE_POLICY, page
from app.problems import problem_responses
from app.queries.health import get_readiness
from app.schemas.system import Alive, Index, ProblemPage, Ready, Version
from app.version import VERSION

router = APIRouter(tags=["service"])

LINKS = {
    "/conditions": "the conditions; /conditions/milia is the whole page of one",
    "/claims": "who says what: filter by type, question, conflict, concept, document and more",
    "/conflicts": "what cannot all stand, always with all sides",
    "/documents": "the texts that are cited, with their passages",
    "/concepts": "what claims speak of, with synonyms and external ids",
    "/vocabulary": "types, questions, policies and rules",
    "/docs": "every operation, to try out",
    "/openapi.json": "the same for programs",
    "/health/ready": "whether the service can answer",
    "/version": "which release this is",
}


def _wants_html(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


@router.get(
    "/",
    response_model=Index,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        **problem_responses(InvalidRequestError),
    },
)
def read_index(request: Request) -> Response:
    """See where things are: a page for people, JSON for programs."""
    if _wants_html(request):
        html = page(
            "Claimbase", "Contested medical claims: who says what.", LINKS.items(), DISCLAIMER
        )
        return answer_html(request, html, policy=PAGE_POLICY)
    links = [{"href": href, "title": title} for href, title in LINKS.items()]
    body = {"name": "Claimbase", "version": VERSION, "disclaimer": DISCLAIMER, "links": links}
    return answer(request, body)


@router.get(
    "/problems/{code}",
    response_model=ProblemPage,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        **problem_responses(NotFoundError, InvalidRequestError),
    },
)
def read_problem(
    request: Request,
    code: Annotated[str, Path(max_length=80, examples=["invalid-request"])],
) -> Response:
    """Read what a problem's `type` means and what to do about it."""
    for error in all_errors():
        if error.code == code:
            if _wants_html(request):
                rows = [("Status", str(error.status)), ("Code", code)]
                html = page(error.title, error.explanation, rows)
                return answer_html(request, html, policy=PAGE_POLICY)
            body: dict[str, Any] = {
                "code": code,
                "status": error.status,
                "title": error.title,
                "explanation": error.explanation,
            }
            return answer(request, body)
    raise NotFoundError("There is no problem of this code.")


@router.get("/health/live", response_model=Alive, responses=problem_responses(InvalidRequestError))
def read_liveness() -> Response:
    """Learn whether the process answers at all."""
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@router.get(
    "/health/ready",
    response_model=Ready,
    responses=problem_responses(InvalidRequestError, UnavailableError),
)
def read_readiness(session: ReadSession, writable: Writable, replica: ReplicaLook) -> Response:
    """Learn whether the database answers, what it is, and whether it can be written."""
    body = {"status": "ok", **get_readiness(session), "writable": writable}
    body["replica"] = replica._asdict() if replica is not None else None
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


@router.get(
    "/metrics",
    response_model=None,
    responses={
        200: {
            "description": "Successful Response",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problem_responses(UnauthorizedError, ForbiddenError, InvalidRequestError),
    },
)
def read_metrics(request: Request) -> Response:
    """Watch the service with Prometheus: requests, cache, conflicts, queues.

    It needs the key of an admin, unless the operator opened it. Each worker counts by itself.
    """
    metrics: Metrics = request.app.state.metrics
    headers = {"Content-Type": METRICS_TYPE, "Cache-Control": "no-store"}
    return Response(metrics.write(), headers=headers)


@router.get("/version", response_model=Version, responses=problem_responses(InvalidRequestError))
def read_version(request: Request) -> Response:
    """Learn which release this is."""
    return answer(request, {"name": "claimbase", "version": VERSION})


@router.get("/docs", include_in_schema=False)
def read_docs(request: Request) -> Response:
    return answer_html(request, DOCS_PAGE, policy=DOCS_POLICY)


@router.get("/openapi.json", include_in_schema=False)
def read_openapi(request: Request) -> Response:
    return answer(request, request.app.openapi())
