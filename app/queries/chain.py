"""The chain of digests over all changes: what was altered, removed or put in between shows."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

FIRST_DIGEST = "0" * 64


def change_digest(
    previous: str,
    change: Mapping[str, Any],
    events: Iterable[Mapping[str, Any]],
) -> str:
    """SHA-256 over the digest of the change before, the change, and its events in order.

    ``change`` and ``events`` are JSON values as ``change_content`` and ``event_content`` give
    them. Events may come from a stream: one at a time is held.
    """
    digest = hashlib.sha256(previous.encode())
    digest.update(canonical(change))
    for event in events:
        digest.update(b"\n" + canonical(event))
    return digest.hexdigest()


def canonical(value: Any) -> bytes:
    """One way to write a JSON value, whatever the order of its members was."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def change_content(
    *,
    number: int,
    at: str,
    origin: str,
    actor: str,
    key_id: str | None,
    action: str,
    reason: str,
) -> dict[str, Any]:
    return {
        "number": number,
        "at": at,
        "origin": origin,
        "actor": actor,
        "key_id": key_id,
        "action": action,
        "reason": reason,
    }


def event_content(
    *,
    event: int,
    record_type: str,
    record_id: int,
    version: int,
    condition_id: int | None,
    action: str,
    snapshot: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "event": event,
        "record_type": record_type,
        "record_id": record_id,
        "version": version,
        "condition_id": condition_id,
        "action": action,
        "snapshot": snapshot,
    }
