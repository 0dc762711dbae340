"""How query parameters are read, and that those which nobody asked for are refused.

What is known is what the OpenAPI document describes, so that the two cannot differ.
"""

import re
from collections import Counter
from typing import Annotated, Any, Generic, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams

from app.errors import InvalidRequestError
from app.problems import MAX_ERRORS, did_you_mean

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
ModelT = TypeVar("ModelT", bound=BaseModel)


class QueryOf(Generic[ModelT]):
    """A dependency that reads what ``Annotated[model, Query()]`` does, and refuses the same.

    FastAPI looks for each field of the model by itself, and works out its type at each request:
    of 85 fields that takes as long as the answer. ``documented`` is what OpenAPI says of them,
    by FastAPI itself; a route has it as ``openapi_extra``.
    """

    def __init__(self, model: type[ModelT]) -> None:
        self._model = model
        described = FastAPI()

        def read(query: Any) -> None: ...

        read.__annotations__["query"] = Annotated[model, Query()]
        described.get("/")(read)
        parameters: list[dict[str, Any]] = described.openapi()["paths"]["/"]["get"]["parameters"]
        self.documented = {"parameters": parameters}
        self._lists = {one["name"] for one in parameters if _is_array(one["schema"])}

    def read(self, params: QueryParams) -> ModelT:
        """Raises ValidationError."""
        given: dict[str, Any] = {}
        for name, value in params.multi_items():
            if name in self._lists:
                given.setdefault(name, []).append(value)
            else:
                given[name] = value
        return self._model.model_validate(given)

    async def __call__(self, request: Request) -> ModelT:
        try:
            return self.read(request.query_params)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            raise RequestValidationError(
                [{**fault, "loc": ("query", *fault["loc"])} for fault in faults],
            ) from None


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of the whole application. Raises InvalidRequestError."""
    refuse_unknown(request, request.scope["route"].path)


def refuse_unknown(request: Request, route: str) -> None:
    """Raises InvalidRequestError."""
    known = _known_parameters(request.app, route, request.method)
    if known is None:
        return
    errors = []
    for name, times in Counter(key for key, _ in request.query_params.multi_items()).items():
        if name not in known:
            code, detail = "unknown_parameter", f"Unknown parameter.{did_you_mean(name, known)}"
        elif times > 1 and not known[name]:
            code, detail = "repeated_parameter", "This parameter is given once."
        else:
            continue
        errors.append({"in": "query", "parameter": _shown(name), "code": code, "detail": detail})
        if len(errors) == MAX_ERRORS:  # a suggestion costs time, and nobody reads a thousand
            break
    if errors:
        raise InvalidRequestError(
            "The request has parameters that this address does not know, or one twice; "
            "`errors` names the places.",
            errors=errors,
        )


def _shown(name: str) -> str | None:
    """A name that looks like one is repeated in the answer, anything else is not."""
    return name if _NAME.fullmatch(name) else None


def _known_parameters(app: FastAPI, path: str, method: str) -> dict[str, bool] | None:
    """Name -> whether it may be repeated; None for an operation that is not described."""
    table: dict[tuple[str, str], dict[str, bool]] | None
    table = getattr(app.state, "known_parameters", None)
    if table is None:
        table = app.state.known_parameters = _read_table(app.openapi())
    return table.get((path, method))


def _read_table(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, bool]]:
    return {
        (path, method.upper()): {
            parameter["name"]: _is_array(parameter["schema"])
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "query"
        }
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _is_array(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "array" or any(map(_is_array, schema.get("anyOf", [])))
