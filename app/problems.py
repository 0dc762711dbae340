"""Every error leaves as one shape, application/problem+json (RFC 9457)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import (
    ClaimbaseError,
    ConflictingStateError,
    InternalError,
    InvalidRequestError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotFoundError,
    StorageFullError,
    TooManyRequestsError,
    UnavailableError,
    UnsupportedMediaTypeError,
    all_errors,
)
from app.queries.health import is_read_only
from app.rate_limits import Quota
from app.text import nearest

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20
RETRY_AFTER_SECONDS = 1
READ_ONLY_RETRY_AFTER_SECONDS = 30  # somebody has to do something first


class ProblemError(BaseModel):
    """One place that is wrong. Never repeats what was sent."""

    model_config = ConfigDict(extra="allow")

    in_: Annotated[str, Field(alias="in", examples=["query"])]
    parameter: Annotated[str | None, Field(examples=["typ"])] = None
    pointer: Annotated[str | None, Field(examples=["/claims/0/question"])] = None
    code: Annotated[str, Field(examples=["unknown_parameter"])]
    detail: Annotated[str, Field(examples=["Unknown parameter. Did you mean 'type'?"])]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["/problems/invalid-request"])]
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(examples=["invalid-request"])]
    request_id: str
    errors: list[ProblemError] = []
    suggestions: list[str] = []


def problem_responses(*errors: type[ClaimbaseError]) -> dict[int | str, dict[str, Any]]:
    """Name, for OpenAPI, the errors that an operation can answer with."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        by_status[error.status] = {
            "description": error.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return by_status


def problem_body(error: ClaimbaseError, request_id: str) -> bytes:
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    if error.errors:
        body["errors"] = list(error.errors)[:MAX_ERRORS]
    return to_json(body | error.extra)


def answer_problem(error: ClaimbaseError, request_id: str) -> Response:
    return Response(
        problem_body(error, request_id),
        status_code=error.status,
        headers={"Cache-Control": "no-store", **error.headers},
        media_type=MEDIA_TYPE,
    )


def error_for_status(status: int, detail: str | None = None) -> ClaimbaseError:
    """The kind of problem that a bare status is, as frameworks and servers send them."""
    generic = {
        HTTPStatus.BAD_REQUEST: MalformedRequestError,
        HTTPStatus.CONFLICT: ConflictingStateError,
        HTTPStatus.UNPROCESSABLE_ENTITY: InvalidRequestError,
    }
    by_status = {error.status: error for error in all_errors()} | generic
    if status in by_status:
        return by_status[status](detail or by_status[status].explanation)
    kind = InternalError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else MalformedRequestError
    return kind(detail or kind.explanation)


def too_many_requests(quota: Quota) -> TooManyRequestsError:
    return TooManyRequestsError(
        f"More than {quota.per_minute} requests in a minute were sent. "
        f"Ask again after {quota.wait} seconds.",
        headers={"Retry-After": str(quota.wait)},
    )


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ClaimbaseError, _from_claimbase)
    app.add_exception_handler(RequestValidationError, _from_validation)
    app.add_exception_handler(HTTPException, _from_http)
    app.add_exception_handler(DBAPIError, _from_database)
    app.add_exception_handler(NoConnectionError, _from_pool)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'type'?`` with the space before it, or nothing."""
    close = nearest(name, known)
    return f" Did you mean '{close[0]}'?" if close else ""


def _request_id(request: Request) -> str:
    return str(request.scope.get("claimbase.request_id", ""))


async def _from_claimbase(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClaimbaseError)
    return answer_problem(error, _request_id(request))


async def _from_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, ClaimbaseError):
        return answer_problem(error.__cause__, _request_id(request))
    known = {
        HTTPStatus.NOT_FOUND: NotFoundError("There is nothing at this address."),
        HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowedError(
            "The address exists, but not with this method.",
        ),
    }
    problem = known.get(HTTPStatus(error.status_code)) or error_for_status(error.status_code)
    problem.headers = {**(error.headers or {}), **problem.headers}
    return answer_problem(problem, _request_id(request))


async def _from_pool(request: Request, _error: Exception) -> Response:
    problem = UnavailableError(
        "All connections to the database are in use. Try again shortly.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
    return answer_problem(problem, _request_id(request))


async def _from_database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if is_read_only(error):
        problem = UnavailableError(
            "The database is read-only: it answers, and takes no changes.",
            headers={"Retry-After": str(READ_ONLY_RETRY_AFTER_SECONDS)},
        )
        return answer_problem(problem, _request_id(request))
    if type(error) is DatabaseError:  # of a damaged file; what is a fault of ours has a class
        problem = UnavailableError(
            "The database is damaged, or is none: it has to be restored from a backup.",
            headers={"Retry-After": str(READ_ONLY_RETRY_AFTER_SECONDS)},
        )
        return answer_problem(problem, _request_id(request))
    if not isinstance(error, OperationalError):
        raise error  # a fault of ours
    if "disk is full" in str(error.orig) or "No space left" in str(error.orig):
        return answer_problem(StorageFullError(StorageFullError.explanation), _request_id(request))
    problem = UnavailableError(
        "The database is locked or away. Try again shortly.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
    return answer_problem(problem, _request_id(request))


async def _from_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    kinds = {fault["type"] for fault in faults}
    if "json_invalid" in kinds:
        problem: ClaimbaseError = MalformedRequestError("The body is not valid JSON.")
    elif _has_wrong_content_type(request):
        problem = UnsupportedMediaTypeError("The body has to be application/json.")
    else:
        problem = InvalidRequestError(
            "The request is not valid; `errors` names the places.",
            errors=[_place(fault, request) for fault in faults[:MAX_ERRORS]],
        )
    return answer_problem(problem, _request_id(request))


def _has_wrong_content_type(request: Request) -> bool:
    if request.method not in {"POST", "PUT", "PATCH"}:
        return False
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return not (sent == "application/json" or sent.endswith("+json"))


def _place(fault: Mapping[str, Any], request: Request) -> dict[str, Any]:
    where, *path = fault["loc"]
    place: dict[str, Any] = {"in": where}
    if where == "body":
        place["pointer"] = "/" + "/".join(str(part) for part in path)[:200]
    elif path:
        place["parameter"] = str(path[0])[:80]
    place["code"] = str(fault["type"])
    if fault["type"] == "extra_forbidden" and path:
        hint = did_you_mean(str(path[-1]), _names_in_bodies(request.app))
        place["detail"] = f"There is no such field.{hint}"
    else:
        place["detail"] = _detail(fault)
    return place


def _names_in_bodies(app: FastAPI) -> set[str]:
    """Every field that any described body has."""
    schemas = app.openapi()["components"]["schemas"].values()
    return {name for schema in schemas for name in schema.get("properties", {})}


def _detail(fault: Mapping[str, Any]) -> str:
    """What is expected, with the nearest accepted value where there is a list of them."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    expected = (fault.get("ctx") or {}).get("expected")
    given = fault.get("input")
    hint = ""
    if isinstance(expected, str) and isinstance(given, str):
        words = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        hint = did_you_mean(given, words)
    return f"{message[:300]}.{hint}"
