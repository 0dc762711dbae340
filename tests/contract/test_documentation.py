"""What the documentation shows is what the service answers."""

import pytest
from fastapi.testclient import TestClient

from tests.conftest import ROOT
from tools.examples import Example, differences, examples

EXAMPLES = [
    (name, example)
    for name in ("README.md", "docs/api.md")
    for example in examples((ROOT / name).read_text())
]


@pytest.mark.parametrize(
    ("name", "example"),
    EXAMPLES,
    ids=[f"{name}: {example.method} {example.path}" for name, example in EXAMPLES],
)
def test_an_example_answers_what_is_shown(
    milia: TestClient,
    name: str,
    example: Example,
) -> None:
    """When this fails on purpose: ``python -m tools.examples README.md docs/api.md``."""
    response = milia.request(example.method, example.path, json=example.body)

    assert list(differences(example.shown, response.json())) == [], name


def test_a_wrong_example_would_be_noticed() -> None:
    actual = {"a": [1, 2], "b": {"c": "x"}}

    assert list(differences({"a": [1], "b": {"c": "…"}}, actual)) == []
    assert list(differences({"a": [2]}, actual)) == ["/a/0 is 1, not 2"]
    assert list(differences({"a": [1, 2, 3]}, actual)) == ["/a has 2 items"]
    assert list(differences({"d": 1}, actual)) == ["/d is missing"]


def test_the_api_documentation_has_examples() -> None:
    assert len([name for name, _ in EXAMPLES if name == "docs/api.md"]) >= 20
