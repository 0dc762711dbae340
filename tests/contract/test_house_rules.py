"""Rules of the house that only the source can show."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

APP = sorted((ROOT / "app").rglob("*.py"))
INNER = [path for path in APP if path.relative_to(ROOT).parts[1] in {"commands", "queries"}]
ALL = [
    path
    for folder in ("app", "tests", "migrations")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def called(path: Path) -> set[str]:
    """The names of all methods and functions that a file calls."""
    calls = [
        node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    ]
    return {
        function.attr if isinstance(function, ast.Attribute) else function.id
        for function in calls
        if isinstance(function, ast.Attribute | ast.Name)
    }


@pytest.mark.parametrize("path", INNER, ids=name_of)
def test_commands_and_queries_leave_the_transaction_to_their_caller(path: Path) -> None:
    assert called(path).isdisjoint({"commit", "rollback", "begin"})


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_tables_are_made_by_migrations_alone(path: Path) -> None:
    assert called(path).isdisjoint({"create_all", "drop_all"})


@pytest.mark.parametrize("path", APP, ids=name_of)
def test_a_file_has_one_idea_and_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", APP, ids=name_of)
def test_no_module_is_called_utils(path: Path) -> None:
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}
