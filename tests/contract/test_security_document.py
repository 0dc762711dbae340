"""The promises of docs/security.md name the tests that hold them, and those are there."""

import ast
import re
from functools import cache

import pytest

from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
RISKS = 10
CLIENTS = {"httpx", "httpx2", "requests", "urllib3", "aiohttp", "http.client", "urllib.request"}


def rows() -> list[list[str]]:
    """The cells of the rows whose third column is of tests."""
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = cells.index(["Risk", "Here", "Test"])
    return [row for row in cells[start:] if row[2] not in {"Test", "---"}]


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_row_names_tests_that_are_there(row: list[str]) -> None:
    assert len(row) == 3
    found = NAMED.findall(row[2])
    assert found, row[0]
    assert ", ".join(f"`{file}::{name}`" for file, name in found) == row[2]
    for file, name in found:
        assert name in names_in(file), f"{file}::{name}"


def test_all_ten_risks_are_there() -> None:
    numbers = [int(match) for match in re.findall(r"^\| API(\d+) ", DOCUMENT, re.MULTILINE)]

    assert numbers == list(range(1, RISKS + 1))


def test_every_setting_that_the_document_names_is_one() -> None:
    settings = (ROOT / "app" / "config.py").read_text()

    for name in set(re.findall(r"CLAIMBASE_([A-Z_]+)", DOCUMENT)):
        assert re.search(rf"^    {name.lower()}: ", settings, re.MULTILINE), name


def test_the_application_has_no_http_client() -> None:
    """No address that anybody sends is ever fetched."""
    for file in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not CLIENTS & set(names), file
