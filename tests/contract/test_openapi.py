"""The OpenAPI document: kept, complete, and true of every answer."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.config import Settings
from app.main import create_app
from app.policy import POLICY
from tests.api.operations import (
    BY_PARAMETER,
    LISTS,
    OPERATIONS,
    READS,
    Operation,
    example_of,
    named,
)
from tests.apps import document
from tests.conftest import ROOT

KEPT = ROOT / "docs" / "openapi.json"
PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What 3.2 added: https://spec.openapis.org/oas/v3.2.0.html
NEW_IN_3_2 = {
    "$self",
    "additionalOperations",
    "dataValue",
    "deviceAuthorization",
    "itemEncoding",
    "itemSchema",
    "mediaTypes",
    "oauth2MetadataUrl",
    "prefixEncoding",
    "serializedValue",
}


def test_the_kept_document_is_that_of_the_application() -> None:
    how = "the API differs from docs/openapi.json: run `make openapi` and look at the difference"

    assert KEPT.exists(), how
    assert json.loads(KEPT.read_text()) == json.loads(json.dumps(document())), how


def test_the_document_is_openapi_3_1_without_keys_of_3_2() -> None:
    body = document()

    assert re.fullmatch(r"3\.1\.\d", body["openapi"])
    assert NEW_IN_3_2.isdisjoint(keys_outside_of_names(body))
    for item in body["paths"].values():
        assert "query" not in item
        for operation in item.values():
            places = {each["in"] for each in operation.get("parameters", [])}
            assert places <= {"query", "path", "header", "cookie"}


def keys_outside_of_names(node: Any) -> Iterator[str]:
    """Every key that is OpenAPI's own: not a field, path or component that we named."""
    if isinstance(node, list):
        for each in node:
            yield from keys_outside_of_names(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            if key in {"properties", "schemas", "paths", "content", "responses", "examples"}:
                for each in value.values() if isinstance(value, dict) else value:
                    yield from keys_outside_of_names(each)
            elif key not in {"example", "default", "const", "enum"}:
                yield from keys_outside_of_names(value)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    body = document()

    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(body)))
    assert used == set(body["components"]["schemas"])


@pytest.mark.parametrize(**named(OPERATIONS))
def test_an_operation_is_described(operation: Operation) -> None:
    described = operation.described

    assert described["description"].strip().endswith(".")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", described["operationId"])
    assert len(described["tags"]) == 1
    assert described["summary"]


def test_every_operation_on_one_record_is_linked_from_what_answers_the_record() -> None:
    links = document()["components"]["links"]

    of_no_record = {"read_problem", "read_queue_items"}
    for operation in OPERATIONS:
        name = operation.described["operationId"]
        given = links.get(name, {"parameters": {}})["parameters"]
        needed = {f"path.{each['name']}" for each in operation.path_parameters}
        assert given.keys() - {"header.If-Match"} == (set() if name in of_no_record else needed)


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [each.described["operationId"] for each in OPERATIONS]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(**named([each for each in OPERATIONS if each.path_parameters]))
def test_every_path_parameter_has_an_example(operation: Operation) -> None:
    for parameter in operation.path_parameters:
        assert example_of(parameter) is not None, parameter["name"]


@pytest.mark.parametrize(**named([each for each in READS if each.query_parameters]))
def test_every_query_parameter_says_what_it_is(operation: Operation) -> None:
    for parameter in operation.query_parameters:
        words = parameter.get("description") or parameter["schema"].get("description")
        values = json.dumps(parameter["schema"])
        assert words or '"enum"' in values or "$ref" in values, parameter["name"]


# The examples.


@pytest.mark.parametrize(**named(READS))
def test_the_documented_example_works(milia: TestClient, operation: Operation) -> None:
    answer = milia.get(operation.address)

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(**named([each for each in READS if each.query_parameters]))
def test_the_example_of_each_query_parameter_works(
    milia: TestClient,
    operation: Operation,
) -> None:
    tried = {}
    for parameter in operation.query_parameters:
        example = example_of(parameter)
        if example is not None:
            values = {parameter["name"]: example} | companions(operation, parameter["name"])
            address = operation.asked(urlencode(values, doseq=True))
            if not parameter.get("required"):
                tried[parameter["name"]] = milia.get(address).status_code

    assert set(tried.values()) <= {200}, tried


def companions(operation: Operation, name: str) -> dict[str, str]:
    """Leaving sources out, and the past of a list, are about one condition."""
    known = {parameter["name"] for parameter in operation.query_parameters}
    needs_one = name.startswith("exclude_") or name == "as_of"
    return {"condition": "milia"} if needs_one and "condition" in known else {}


@pytest.mark.parametrize(**named(OPERATIONS))
def test_an_operation_says_whether_it_needs_a_key(operation: Operation) -> None:
    needed = POLICY[operation.described["operationId"]]

    assert operation.described.get("security") == ([{"key": []}] if needed else None)
    assert needed is None or f"a {needed}" in operation.described["description"]
    assert document()["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


# The answers.


def models() -> dict[tuple[str, str], Any]:
    """Method and path -> the model of its 200."""
    app = create_app(Settings(database_url="sqlite://"))
    found = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in context.methods or ():
                found[method, str(context.path)] = route.response_model
    return found


MODELS = models()


@pytest.mark.parametrize(
    **named([each for each in READS if each.kinds <= {"application/json", "text/html"}])
)
def test_an_answer_is_exactly_what_its_model_says(
    milia: TestClient,
    operation: Operation,
) -> None:
    model = MODELS[operation.method, operation.path]

    answer = milia.get(operation.address, params={"limit": "100"} if operation.is_list else {})

    assert model is not None
    TypeAdapter(model).validate_json(answer.content, extra="forbid")


@pytest.mark.parametrize(
    ("list_path", "one_path"),
    [
        ("/claims", "/claims/{claim_id}"),
        ("/conflicts", "/conflicts/{conflict_id}"),
        ("/documents", "/documents/{document_id}"),
        ("/concepts", "/concepts/{key}"),
        ("/conditions", "/conditions/{slug}"),
    ],
)
def test_every_record_of_a_list_is_exactly_what_the_model_of_one_says(
    milia: TestClient,
    list_path: str,
    one_path: str,
) -> None:
    model = TypeAdapter(MODELS["GET", one_path])
    name = {"/concepts": "key", "/conditions": "slug"}.get(list_path, "id")

    for row in milia.get(f"{list_path}?limit=100").json()["data"]:
        answer = milia.get(f"{list_path}/{row[name]}")
        model.validate_json(answer.content, extra="forbid")


def test_a_field_too_many_would_be_noticed(milia: TestClient) -> None:
    body = milia.get("/documents/DOC1").json()
    body["passages"][0]["surplus"] = 1

    with pytest.raises(ValueError, match="surplus"):
        TypeAdapter(MODELS["GET", "/documents/{document_id}"]).validate_python(
            body,
            extra="forbid",
        )


# Problems.


@pytest.mark.parametrize(**named(OPERATIONS))
def test_every_failure_is_documented_as_a_problem(operation: Operation) -> None:
    answers = operation.described["responses"]

    failures = {
        status: each for status, each in answers.items() if not status.startswith(("2", "3"))
    }
    assert {"422", "default"} <= failures.keys()
    for status, each in failures.items():
        schemas = {kind: content["schema"] for kind, content in each["content"].items()}
        assert schemas == {"application/problem+json": PROBLEM}, status


@pytest.mark.parametrize(**named(READS))
def test_an_unknown_parameter_gives_a_documented_status(
    milia: TestClient,
    operation: Operation,
) -> None:
    answer = milia.get(operation.asked("nonsense=1"))

    assert str(answer.status_code) in operation.described["responses"]


@pytest.mark.parametrize(**named(BY_PARAMETER))
def test_what_is_not_there_gives_a_documented_status(
    milia: TestClient,
    operation: Operation,
) -> None:
    for parameter in operation.path_parameters:
        for value in ("nothing-such", "x" * 500):
            answer = milia.get(operation.with_path_parameter(parameter["name"], value))
            assert answer.status_code in {404, 422}
            assert str(answer.status_code) in operation.described["responses"]


@pytest.mark.parametrize(**named(LISTS))
def test_a_damaged_cursor_gives_a_documented_status(
    milia: TestClient,
    operation: Operation,
) -> None:
    answer = milia.get(operation.asked("cursor=x"))

    assert str(answer.status_code) in operation.described["responses"]


@pytest.mark.parametrize("path", ["/claims/{claim_id}", "/claims/{claim_id}/citations"])
def test_what_was_withdrawn_gives_a_documented_status(path: str) -> None:
    [operation] = [each for each in READS if each.path == path]

    assert "410" in operation.described["responses"]
