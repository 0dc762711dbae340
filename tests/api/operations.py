"""Every operation as the OpenAPI document describes it, ready to be called."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi.testclient import TestClient

from app.policy import POLICY
from tests.apps import document


class Operation(NamedTuple):
    """``address`` is the path with the documented examples filled in, and with those of the
    query parameters that it cannot do without."""

    method: str
    path: str
    address: str
    described: dict[str, Any]

    @property
    def query_parameters(self) -> list[dict[str, Any]]:
        return [each for each in self.described.get("parameters", []) if each["in"] == "query"]

    @property
    def path_parameters(self) -> list[dict[str, Any]]:
        return [each for each in self.described.get("parameters", []) if each["in"] == "path"]

    def asked(self, query: str) -> str:
        """The address with more in its query."""
        return f"{self.address}{'&' if '?' in self.address else '?'}{query}"

    @property
    def kinds(self) -> set[str]:
        """The media types that it can answer with."""
        return set(self.described["responses"]["200"].get("content", {}))

    @property
    def needs_query(self) -> bool:
        """Whether the bare address is refused: a query parameter is required."""
        return any(each.get("required") for each in self.query_parameters)

    @property
    def is_list(self) -> bool:
        return "cursor" in {each["name"] for each in self.query_parameters}

    def with_path_parameter(self, name: str, value: str) -> str:
        """The address with one parameter replaced by ``value``, which is already encoded."""
        others = {
            each["name"]: str(example_of(each))
            for each in self.path_parameters
            if each["name"] != name
        }
        return fill(self.path, others | {name: value})


def example_of(parameter: dict[str, Any]) -> Any:
    """The documented example of a parameter; None where there is none."""
    examples = parameter.get("examples") or parameter["schema"].get("examples") or [None]
    if isinstance(examples, dict):
        return next(iter(examples.values()))["value"]
    return examples[0]


def fill(path: str, values: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda match: values[match[1]], path)


def _read() -> Iterator[Operation]:
    for path, described in document()["paths"].items():
        for method, operation in described.items():
            examples = {
                each["name"]: str(example_of(each))
                for each in operation.get("parameters", [])
                if each["in"] == "path"
            }
            needed = {
                each["name"]: str(example_of(each))
                for each in operation.get("parameters", [])
                if each["in"] == "query" and each.get("required")
            }
            address = fill(path, examples) + (f"?{urlencode(needed)}" if needed else "")
            yield Operation(method.upper(), path, address, operation)


OPERATIONS = list(_read())
# What anybody may read; what needs a key is in test_accounts.
READS = [
    each
    for each in OPERATIONS
    if each.method == "GET" and POLICY.get(each.described["operationId"]) is None
]
LISTS = [each for each in READS if each.is_list]
BY_PARAMETER = [each for each in READS if each.path_parameters]


def named(operations: list[Operation]) -> dict[str, Any]:
    """Arguments of ``pytest.mark.parametrize``."""
    return {
        "argnames": "operation",
        "argvalues": operations,
        "ids": [f"{each.method} {each.path}" for each in operations],
    }


def walk(client: TestClient, address: str) -> list[dict[str, Any]]:
    """All rows of a list, by following ``page.next``."""
    rows: list[dict[str, Any]] = []
    following: str | None = address
    while following is not None:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        following = answer.json()["page"]["next"]
        assert len(rows) < 10_000
    return rows


def ids_of(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]
