"""A curator's steps for tests: small bodies, and the calls that lead to a state."""

from typing import Any

from fastapi.testclient import TestClient

Record = dict[str, Any]
REASON = "A test needs it."
PLACE = "milia-syndrome/p1"


def body_of(value: str = "lime", **parts: Any) -> Record:
    """A claim about milia that the seed has not; its value is words."""
    return {
        "condition": "milia",
        "question": "recommendation.advice",
        "statement": f"People can look after milia with {value}.",
        "words": value,
        "citations": [{"passage": PLACE, "locator": f"line about {value}"}],
        "reason": REASON,
    } | parts


def tag(record: Record) -> dict[str, str]:
    return {"If-Match": f'"{record["id"]}.{record["version"]}"'}


def drafted(client: TestClient, body: Record | None = None) -> Record:
    answer = client.post("/claims", json=body or body_of())
    assert answer.status_code == 201, answer.text
    record: Record = answer.json()
    return record


def moved(client: TestClient, record: Record, step: str, **parts: Any) -> Record:
    """The claim after a step of the review."""
    answer = client.post(
        f"/claims/{record['id']}/{step}",
        json={"reason": REASON} | parts,
        headers=tag(record),
    )
    assert answer.status_code == 200, answer.text
    after: Record = answer.json()
    return after


def published(client: TestClient, body: Record | None = None) -> Record:
    return moved(client, moved(client, drafted(client, body), "submit"), "publish")


def patching(client: TestClient, record: Record, query: str = "", **changes: Any) -> Any:
    """The answer."""
    answer = client.patch(
        f"/claims/{record['id']}{query}",
        json={"reason": REASON} | changes,
        headers=tag(record),
    )
    assert answer.status_code == 200, answer.text
    return answer


def patched(client: TestClient, record: Record, **changes: Any) -> Record:
    after: Record = patching(client, record, **changes).json()
    return after
