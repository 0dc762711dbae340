"""The change feed, written a piece at a time: a page of JSON, JSON Lines, server-sent events."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy.orm import Session

from app.queries.accounts import Actor
from app.queries.changes import change_head, visible_events
from app.queries.records import AnyRow


def write_page(
    session: Session,
    changes: Sequence[AnyRow],
    reader: Actor | None,
    rest: dict[str, Any],
) -> Iterator[bytes]:
    """``data`` with the changes; ``rest`` are the other members of the envelope."""
    yield b'{"data":['
    for place, change in enumerate(changes):
        if place:
            yield b","
        yield from write_change(session, change, reader)
    yield b"]," + to_json(rest)[1:]


def write_lines(
    session: Session,
    changes: Sequence[AnyRow],
    reader: Actor | None,
) -> Iterator[bytes]:
    """A change a line."""
    for change in changes:
        yield from write_change(session, change, reader)
        yield b"\n"


def write_messages(
    session: Session,
    changes: Sequence[AnyRow],
    reader: Actor | None,
) -> Iterator[bytes]:
    """A change a message, whose id is the number to resume from. JSON holds no line breaks."""
    for change in changes:
        yield f"id: {change.number}\nevent: change\ndata: ".encode()
        yield from write_change(session, change, reader)
        yield b"\n\n"


def write_change(session: Session, change: AnyRow, reader: Actor | None) -> Iterator[bytes]:
    events = visible_events(session, change.number, reader)
    first = next(events, None)
    head = change_head(change, reader, is_visible=first is not None)
    yield to_json(head)[:-1] + b',"events":['
    if first is not None:
        yield to_json(first)
    for event in events:
        yield b"," + to_json(event)
    yield b"]}"
