"""The OpenAPI document: 3.1, with problems as they are sent."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.errors import InternalError
from app.links import link_records
from app.policy import POLICY
from app.problems import Problem, problem_responses
from app.version import VERSION

DESCRIPTION = """
Who says what about a condition, where, and which statements cannot stand together.
Every claim is cited to the character; conflicts are computed by published rules.
Claimbase never decides who is right, and nothing here is medical advice.

A repeated filter is OR, different filters are AND. Unknown parameters are refused.
Errors are `application/problem+json` (RFC 9457). Answers have strong entity tags.
"""


KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "clb_...",
    "description": "A key of an account: `python -m app keys create NAME` prints one.",
}


def operation_id(route: APIRoute) -> str:
    """``read_claims``: the function's name, which is unique."""
    return route.name


def install_openapi(app: FastAPI) -> None:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _make_document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _make_document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Claimbase",
        version=VERSION,
        summary="A knowledge base of contested medical claims",
        description=DESCRIPTION,
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    document["components"]["securitySchemes"] = {"key": KEY_SCHEME}
    any_problem = problem_responses(InternalError)[InternalError.status]
    for operations in document["paths"].values():
        for operation in operations.values():
            needed = POLICY.get(operation["operationId"])
            if needed is not None:
                operation["security"] = [{"key": []}]
                operation["description"] += f"\n\nNeeds a key of a {needed} or more."
            # A fault, a body too large, a database that is away: the same everywhere.
            operation["responses"]["default"] = any_problem | {"description": "Any other problem"}
            # FastAPI describes its own 422, which is never sent.
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422", "")):
                answers["422"] = {
                    "description": "Invalid request",
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"},
                        },
                    },
                }
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    link_records(document)
    return document
