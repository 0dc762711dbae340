"""For every operation one call that succeeds on the small base of ``tests.api.sources``."""

from typing import Any, NamedTuple

from tests.api.curation import REASON, drafted, tag
from tests.api.operations import Operation, example_of
from tests.api.sources import Desk
from tests.commands.imports import written
from tests.commands.seeds import cite, claim
from tests.contract.calls import (
    CALLS,
    Call,
    claim_of,
    on_account,
    on_claim,
    proposal,
    second_document,
    with_citations,
)

Record = dict[str, Any]
LINES = {"Content-Type": "application/jsonl"}
# The document's examples are of the base with the seed.
OF_THE_SMALL_BASE = {"key": "gene"}
# Which ids there are depends on what was undone before.
LISTS = {"claim_id": "/claims", "conflict_id": "/conflicts", "document_id": "/documents"}


# Query and body of calls whose answers are of another kind than that of the known one.
OTHER_KINDS: dict[str, list[tuple[Record, Record]]] = {
    "read_claims": [({"fields": ["statement", "citations"]}, {}), ({"group_by": "type"}, {})],
    "search_claims": [
        ({}, {"fields": ["id"], "facet": ["type"]}),
        ({}, {"group_by": ["type"]}),
        ({}, {"sort": None, "q": None, "cursor": None, "filter": None, "as_of": None}),
        ({}, {"q": "pain", "sort": None, "filter": {"not": None, "conflict": None}}),
    ],
    "export_claims": [({"format": kind}, {}) for kind in ("csv", "jsonl", "jsonld", "md")],
    "read_condition": [({"format": kind}, {}) for kind in ("csv", "jsonl", "jsonld", "md")],
}


class Known(NamedTuple):
    """A call that succeeds; ``body`` may be empty, or bytes; ``role`` is who has to make it."""

    path: Record
    query: Record
    headers: Record
    body: Any
    role: str


def lines() -> bytes:
    said = {"type": "claim", "version": 1, "statement": "Somebody says that it may hurt."}
    return written([claim("symptom.reported", "pain", cite("It may hurt")) | said])


def an_import(desk: Desk) -> Call:
    answer = desk.admin.post("/imports", content=lines(), headers=LINES)
    assert answer.status_code in {200, 201}, answer.text
    return Call({"import_id": answer.json()["id"]}, {})


def a_citation(desk: Desk) -> Call:
    record = with_citations(desk)
    call = on_claim(record, citation_id=record["citations"][0]["id"])
    return call._replace(body={})


def of_the_account(desk: Desk) -> Call:
    return Call({"name": on_account(desk)["name"]}, {})


OTHERS = {
    "create_import": lambda _: Call({}, {}, LINES),
    "read_import": an_import,
    "remove_claim": lambda desk: on_claim(drafted(desk.admin, claim_of()))._replace(body={}),
    "remove_citation": a_citation,
    "delete_document": lambda desk: Call(
        {"document_id": (record := second_document(desk))["id"]}, {}, tag(record)
    ),
    "read_document_text": lambda desk: Call({"document_id": second_document(desk)["id"]}, {}),
    "read_proposal": lambda desk: proposal(desk, desk.contributor)._replace(body={}, headers={}),
}


def known_call(desk: Desk, operation: Operation) -> Known:
    name = operation.described["operationId"]
    query = {
        each["name"]: example_of(each)
        for each in operation.query_parameters
        if each.get("required")
    }
    if "reason" in query:
        query["reason"] = REASON
    make = CALLS.get(name) or OTHERS.get(name)
    if make is not None:
        call = make(desk)
        body = lines() if name == "create_import" else call.body
        role = "contributor" if name == "withdraw_own_proposal" else "admin"
        return Known(call.path, query, call.headers, body, role)
    path = {each["name"]: example_of(each) for each in operation.path_parameters}
    path |= {name: value for name, value in OF_THE_SMALL_BASE.items() if name in path}
    for part in path.keys() & LISTS.keys():
        path[part] = desk.admin.get(LISTS[part]).json()["data"][0]["id"]
    return Known(path, query, {}, {}, "admin")
