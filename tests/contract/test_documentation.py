"""What the documentation shows is what the service answers."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.db import make_engine, make_sessions
from tests.accounts import key_of
from tests.conftest import ROOT
from tests.databases import SERVER, new_database
from tools.examples import Example, ask, asking, differences, examples

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


@pytest.mark.skipif(SERVER is not None, reason="numbers of refused requests are not used again")
@pytest.mark.parametrize("name", ["docs/curation.md", "docs/sources.md"])
def test_a_guide_happens_as_it_says(tmp_path: Path, name: str) -> None:
    """From the first request to the last, on a base of its own.

    When this fails on purpose: ``python -m tools.examples docs/curation.md docs/sources.md``.
    """
    url = new_database("guide", tmp_path)
    guide = list(examples((ROOT / name).read_text()))
    with asking(url) as client:
        engine = make_engine(url)
        key = key_of(make_sessions(engine), name="jane")
        engine.dispose()
        for example in guide:
            wrong = list(differences(example.shown, ask(client, key, example)))
            assert wrong == [], f"{example.method} {example.path}"
    assert len(guide) >= 9


def test_a_wrong_example_would_be_noticed() -> None:
    actual = {"a": [1, 2], "b": {"c": "x"}}

    assert list(differences({"a": [1], "b": {"c": "…"}}, actual)) == []
    assert list(differences({"a": [2]}, actual)) == ["/a/0 is 1, not 2"]
    assert list(differences({"a": [1, 2, 3]}, actual)) == ["/a has 2 items"]
    assert list(differences({"d": 1}, actual)) == ["/d is missing"]


def test_the_api_documentation_has_examples() -> None:
    assert len([name for name, _ in EXAMPLES if name == "docs/api.md"]) >= 20
