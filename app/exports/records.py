"""JSON and JSON Lines: the records as the API gives them."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from app.exports.edition import Edition
from app.queries.claim_stream import ClaimStream
from app.queries.conflicts import BRIEF

PIECES = 50


def write_json(stream: ClaimStream, edition: Edition) -> Iterator[bytes]:
    """One document: ``data``, ``included.conflicts`` and, last, ``meta`` with the counts."""
    yield b'{"data":['
    yield from _listed(record for batch in stream.claims() for record in batch)
    yield b'],"included":{"conflicts":['
    yield from _conflicts(stream)
    meta = {
        "licence": edition.licence,
        "disclaimer": edition.disclaimer,
        "applied": stream.applied,
        **_counts(stream),
    }
    yield b']},"meta":' + to_json(meta) + b"}\n"


def write_jsonl(stream: ClaimStream, edition: Edition) -> Iterator[bytes]:  # noqa: ARG001 - the signature of all writers
    """A claim a line; the last line has the conflicts, with all sides, and the trailer."""
    for batch in stream.claims():
        yield b"".join(to_json(record) + b"\n" for record in batch)
    yield b'{"included":{"conflicts":['
    yield from _conflicts(stream)
    yield b']},"trailer":' + to_json(_counts(stream)) + b"}\n"


def _counts(stream: ClaimStream) -> dict[str, int]:
    return {
        "claims": stream.totals.claims,
        "citations": stream.totals.citations,
        "change": stream.change.number,
    }


def _conflicts(stream: ClaimStream) -> Iterator[bytes]:
    records = (record for batch in stream.conflicts() for record in batch)
    yield from _listed({part: record[part] for part in BRIEF} for record in records)


def _listed(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Items of a JSON array, some dozens at a time."""
    pieces: list[bytes] = []
    separator = b""
    for record in records:
        pieces.append(separator + to_json(record))
        separator = b","
        if len(pieces) == PIECES:
            yield b"".join(pieces)
            pieces.clear()
    yield b"".join(pieces)
