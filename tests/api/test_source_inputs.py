"""Hostile input to what curates sources and concepts: refused, and nothing is half written."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON
from tests.api.sources import Desk, Record, desk_at, leaflet

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63 - 1,
    1.5,
    "",
    " ",
    "x",
    "gene",
    "DOC1",
    "DOC999999999999999999",
    "\u0958" * 150,
    "y" * 100_000,
    [],
    [None],
    ["gene"],
    [{"key": "p1", "start": 0, "end": 2**31}],
    [{"id": "HP:1"}, {"id": "HP:1"}],
    [{"slug": "milia", "name": "x"}],
    {},
    {"a": 1},
]
OPERATIONS: list[tuple[str, str, str, Record]] = [
    ("POST", "/documents", "", leaflet()),
    ("PATCH", "/documents/{DOC}", "DOC", {"title": "x", "passages": [], "url": "", "length": 1}),
    ("POST", "/documents/{DOC}/status", "DOC", {"status": "retracted", "replaced_by": "DOC2"}),
    ("PUT", "/documents/{DOC}/text", "DOC", {"text": "x", "passages": [], "uncited": []}),
    ("POST", "/documents/{DOC}/merge", "DOC", {"into": "DOC2"}),
    ("POST", "/concepts", "", {"key": "k", "label": "k", "kind": "k", "broader": [], "xrefs": []}),
    ("PATCH", "/concepts/gene", "CPT", {"label": "k", "synonyms": [], "broader": [], "kind": "k"}),
    ("POST", "/concepts/gene/merge", "CPT", {"into": "gland"}),
    ("POST", "/conditions", "", {"slug": "s", "name": "s", "aliases": [], "description": "sss"}),
    ("PATCH", "/conditions/milia", "CND", {"name": "s", "aliases": [], "xrefs": []}),
]


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    return desk_at(client, sessions)


def called(desk: Desk, method: str, path: str, kind: str, body: Any) -> int:
    records: dict[str, Callable[[], Record]] = {
        "DOC": desk.document,
        "CPT": lambda: desk.concept("gene"),
        "CND": lambda: desk.read("/conditions")["data"][0],
        "": lambda: {"id": "", "version": 0},
    }
    record = records[kind]()
    headers = {"If-Match": f'"{record["id"]}.{record["version"]}"'} if kind else {}
    address = path.replace("{DOC}", record["id"])
    answer = desk.curator.request(method, f"{address}?dry_run=true", json=body, headers=headers)
    return answer.status_code


@pytest.mark.parametrize(
    ("method", "path", "kind", "body"), OPERATIONS, ids=[f"{m} {p}" for m, p, _, _ in OPERATIONS]
)
def test_strange_values_are_refused_or_taken_and_never_a_fault(
    desk: Desk, method: str, path: str, kind: str, body: Record
) -> None:
    chosen = random.Random(path)
    for name in body:
        for value in chosen.sample(VALUES, 12):
            status = called(desk, method, path, kind, {"reason": REASON} | body | {name: value})

            assert status in {200, 404, 409, 422}, (name, value)
    assert desk.faults() == []


@pytest.mark.parametrize("name", ["%00", "a%00b", "%F0%9F%98%80", "x" * 80, "DOC1.1", "..%2f"])
def test_strange_addresses_are_not_found(desk: Desk, name: str) -> None:
    headers = {"If-Match": '"CPT1.1"'}
    for path in (f"/documents/{name}", f"/concepts/{name}", f"/conditions/{name}"):
        answer = desk.curator.patch(path, json={"reason": REASON}, headers=headers)

        assert answer.status_code in {404, 412, 422}, path


@pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json"])
def test_a_merge_patch_comes_under_either_name(desk: Desk, kind: str) -> None:
    record = desk.concept("gene")
    headers = {"If-Match": f'"{record["id"]}.1"', "Content-Type": kind}

    answer = desk.curator.patch(
        "/concepts/gene", content=b'{"label": "A gene", "reason": "Why not."}', headers=headers
    )

    assert answer.json()["label"] == "A gene"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b'{"reason": "a b c", "reason": "d e f"}', 400), (b'"x"', 422), (b"", 422)],
)
def test_bodies_that_are_no_patch_are_refused(desk: Desk, content: bytes, status: int) -> None:
    headers = {
        "If-Match": f'"{desk.concept("gene")["id"]}.1"',
        "Content-Type": "application/json",
    }

    answer = desk.curator.patch("/concepts/gene", content=content, headers=headers)

    assert answer.status_code == status
