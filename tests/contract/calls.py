"""A call of every operation with a body that is accepted, with all that it takes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi.testclient import TestClient

from tests.api.curation import REASON, body_of, drafted, moved, published, tag
from tests.api.operations import walk
from tests.api.sources import Desk, leaflet
from tests.commands.seeds import TEXT

Record = dict[str, Any]
QUOTED = TEXT.index("Milia is common")
CITED = [{"passage": "leaflet/p1", "locator": "line 1"}]


def who_calls(desk: Desk, name: str) -> TestClient:
    """Only who made a proposal withdraws it; an admin may do everything else."""
    return desk.contributor if name == "withdraw_own_proposal" else desk.admin


class Call(NamedTuple):
    """A call that is accepted. ``body`` has every member that takes words."""

    path: Record
    body: Record
    headers: Record = {}  # noqa: RUF012 - never changed


def claim_of(value: str = "lime", **parts: Any) -> Record:
    return body_of(value, citations=CITED, **parts)


def citation(**parts: Any) -> Record:
    return {
        "passage": "leaflet/p2",
        "start": QUOTED,
        "end": len(TEXT),
        "quote": TEXT[QUOTED:],
        "locator": "line 2",
        "certainty": "asserted",
        "frequency": "sometimes",
        "exclusivity": "unspecified",
        "hedge": "may",
        "subject_words": "milia",
    } | parts


def whole_claim() -> Record:
    scope = {"population": "pain", "age_low": 1, "age_high": 3, "severity": "pain"}
    return claim_of(key="milia/some/claim", subject="gene", polarity="denies", scope=scope) | {
        "citations": [citation()],
    }


def whole_document() -> Record:
    uncited = [{"start": 0, "end": 3, "reason": "It says nothing."}]
    return leaflet(
        url="https://example.org/a",
        publisher="Somebody",
        family="leaflets",
        language="en",
        licence="CC0",
        published_on="2026-01-01",
        retrieved_on="2026-01-02",
        uncited=uncited,
    )


def on_claim(record: Record, body: Record | None = None, **path: str) -> Call:
    return Call({"claim_id": record["id"], **path}, {"reason": REASON} | (body or {}), tag(record))


def on_document(record: Record, **body: Any) -> Call:
    return Call({"document_id": record["id"]}, {"reason": REASON} | body, tag(record))


def with_citations(desk: Desk) -> Record:
    more = [*CITED, {"passage": "leaflet/p2", "locator": "line 2"}]
    return drafted(desk.admin, claim_of() | {"citations": more})


def submitted(desk: Desk) -> Record:
    return moved(desk.admin, drafted(desk.admin, claim_of()), "submit")


def proposal(desk: Desk, client: TestClient) -> Call:
    record = published(desk.admin, claim_of())
    answer = client.patch(
        f"/claims/{record['id']}",
        json={"statement": "Somebody proposes lime.", "reason": REASON},
        headers=tag(record),
    )
    assert answer.status_code == 202, answer.text
    made = answer.json()
    return Call({"proposal_id": made["id"]}, {"reason": REASON}, tag(made))


def on_conflict(desk: Desk) -> Call:
    first = walk(desk.public, "/conflicts")[0]
    read = desk.read(f"/conflicts/{first['id']}")
    body = {"kind": "explained", "reason_code": "scope_differs", "reason": REASON}
    return Call({"conflict_id": read["id"]}, body, tag(read))


def on_account(desk: Desk, name: str = "some-curator") -> Record:
    [row] = [row for row in desk.admin.get("/accounts").json()["data"] if row["name"] == name]
    return dict(row)


def on_concept(desk: Desk, key: str, **body: Any) -> Call:
    record = desk.concept(key)
    return Call({"key": key}, {"reason": REASON} | body, tag(record))


def cited_call(desk: Desk) -> Call:
    record = drafted(desk.admin, claim_of())
    body = citation()
    return on_claim(record, body, citation_id=record["citations"][0]["id"])


def merge_of_claims(desk: Desk) -> Call:
    one, other = drafted(desk.admin, claim_of()), drafted(desk.admin, claim_of("lemon"))
    return on_claim(one, {"into": other["id"]})


def second_document(desk: Desk) -> Record:
    answer = desk.admin.post("/documents", json=whole_document())
    assert answer.status_code == 201, answer.text
    record: Record = answer.json()
    return record


def named_account(desk: Desk) -> Call:
    record = on_account(desk)
    body = {"role": "contributor", "disabled": False, "reason": REASON}
    return Call(
        {"name": "some-curator"}, body, {"If-Match": f'"{record["id"]}.{record["version"]}"'}
    )


CONCEPT = {
    "label": "Lime",
    "kind": "substance",
    "description": "A fruit of the citrus family.",
    "synonyms": ["limes"],
    "broader": ["gene"],
    "xrefs": [{"id": "MESH:D1", "fit": "close"}],
}
CONDITION = {
    "name": "Lime itch",
    "description": "An itch that limes give.",
    "aliases": [{"slug": "itch-of-lime", "name": "Itch of lime"}],
    "xrefs": [{"id": "HP:1", "fit": "exact"}],
}
SEARCH = {
    "q": "blocked glands",
    "sort": "-updated_at",
    "limit": 5,
    "facet": ["type"],
    "fields": ["id"],
    "count": "exact",
    "exclude_passage": ["leaflet/p2"],
    "filter": {
        "condition": ["milia"],
        "all": [{"type": ["cause"]}, {"not": {"certainty": ["suspected"]}}],
        "any": [{"value": ["Gene", "Gland"]}, {"created_at__gte": "2020-01-01"}],
    },
}
CALLS: dict[str, Callable[[Desk], Call]] = {
    "add_account": lambda _: Call({}, {"name": "jane", "role": "curator", "reason": REASON}),
    "change_account": named_account,
    "add_key": lambda _: Call(
        {"name": "some-curator"}, {"expires_at": "2999-01-01T00:00:00Z", "reason": REASON}
    ),
    "revoke_one_key": lambda desk: Call(
        {"key_id": on_account(desk)["keys"][0]["key_id"]}, {"reason": REASON}
    ),
    "add_claim": lambda _: Call({}, whole_claim()),
    "search_claims": lambda _: Call({}, SEARCH),
    "change_claim": lambda desk: on_claim(
        drafted(desk.admin, claim_of()),
        {
            "statement": "Another word for it.",
            "words": None,
            "question": "recommendation.advice",
            "subject": "gene",
            "concept": "gland",
            "scope": {"population": "pain", "severity": "pain"},
            "citations": [citation()],
        },
    ),
    "add_citation": lambda desk: on_claim(drafted(desk.admin, claim_of()), citation()),
    "change_citation": cited_call,
    "merge_claim_into": merge_of_claims,
    "publish_claim": lambda desk: on_claim(submitted(desk)),
    "reject_claim": lambda desk: on_claim(submitted(desk)),
    "submit_claim": lambda desk: on_claim(drafted(desk.admin, claim_of())),
    "retract_claim": lambda desk: on_claim(
        published(desk.admin, claim_of()), {"replaced_by": desk.claim("gene")["id"]}
    ),
    "restore_claim": lambda desk: on_claim(
        moved(desk.admin, published(desk.admin, claim_of()), "retract")
    ),
    "create_concept": lambda _: Call({}, CONCEPT | {"key": "lime", "reason": REASON}),
    "edit_concept": lambda desk: on_concept(desk, "pain", **CONCEPT),
    "merge_concept": lambda desk: on_concept(desk, "rare", into="common"),
    "create_condition": lambda _: Call({}, CONDITION | {"slug": "lime-itch", "reason": REASON}),
    "edit_condition": lambda desk: Call(
        {"slug": "milia"},
        CONDITION | {"reason": REASON},
        tag(desk.read("/conditions/milia")),
    ),
    "assert_missed_conflict": lambda desk: Call(
        {},
        {
            "claims": [desk.claim("gene")["id"], desk.claim("pain")["id"]],
            "severity": "tension",
            "reason_code": "rules_missed",
            "reason": REASON,
        },
    ),
    "decide_on_conflict": on_conflict,
    "create_document": lambda _: Call({}, whole_document()),
    "edit_document": lambda desk: on_document(
        second_document(desk),
        **{k: v for k, v in whole_document().items() if k not in {"key", "text", "reason"}},
    ),
    "merge_document": lambda desk: on_document(second_document(desk), into=desk.document()["id"]),
    "change_document_status": lambda desk: on_document(
        second_document(desk), status="superseded", replaced_by=desk.document()["id"]
    ),
    "replace_document_text": lambda desk: on_document(
        second_document(desk),
        text=f"{TEXT} Lime helps.",
        passages=[{"key": "p1", "heading": "All", "start": 0, "end": len(TEXT)}],
        uncited=[{"start": 0, "end": 3, "reason": "It says nothing."}],
    ),
    "accept_one_proposal": lambda desk: proposal(desk, desk.contributor),
    "decline_one_proposal": lambda desk: proposal(desk, desk.contributor),
    "withdraw_own_proposal": lambda desk: proposal(desk, desk.contributor),
}
