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
    return digest_of_written(previous, change, map(canonical, events))


def digest_of_written(
    previous: str,
    change: Mapping[str, Any],
    events: Iterable[bytes],
) -> str:
    """The same, of events that are canonical already."""
    digest = hashlib.sha256(previous.encode())
    digest.update(canonical(change))
    for event in events:
        digest.update(b"\n")
        digest.update(event)
    return digest.hexdigest()


# Made once: ``json.dumps`` makes an encoder each time that it is asked for another format.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """One way to write a JSON value, whatever the order of its members was."""
    return _CANONICAL.encode(value).encode()


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


def canonical_event(
    *,
    event: int,
    record_type: str,
    record_id: int,
    version: int,
    condition_id: int | None,
    action: str,
    snapshot: bytes,
) -> bytes:
    """``canonical`` of an event whose snapshot is canonical already."""
    condition = "null" if condition_id is None else condition_id
    before = (
        f'{{"action":"{action}","condition_id":{condition},"event":{event},'
        f'"record_id":{record_id},"record_type":"{record_type}","snapshot":'
    )
    return b'%b%b,"version":%d}' % (before.encode(), snapshot, version)
