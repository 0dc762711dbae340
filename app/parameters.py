"""Query parameters that nobody asked for are refused, on every operation, with a suggestion.

What is known is what the OpenAPI document describes, so that the two cannot differ.
"""

import re
from collections import Counter
from typing import Any

from fastapi import FastAPI, Request

from app.errors import InvalidRequestError
from app.problems import MAX_ERRORS, did_you_mean

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of the whole application. Raises InvalidRequestError."""
    known = _known_parameters(request.app, request.scope["route"].path, request.method)
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
