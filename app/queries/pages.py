"""Pages of a list in a total order, continued by an opaque cursor, never by offset."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.errors import InvalidCursorError

MAX_LIMIT = 100
DEFAULT_LIMIT = 25


class PageAt(NamedTuple):
    """Which page is wanted."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class Listing(NamedTuple):
    """A list that pages are cut from: its address, filters in force, and total order.

    ``order`` is a column without duplicates and without nulls.
    """

    path: str
    filters: Mapping[str, Any]
    id_column: Any
    order: Any


class Slice(NamedTuple):
    """The ids on one page, in order; where the next begins; how many there are in all."""

    ids: list[int]
    next_cursor: str | None
    total: int | None


class Page(NamedTuple):
    """``next_cursor`` is None on the last page. ``total`` counts the whole list."""

    data: list[dict[str, Any]]
    limit: int
    next_cursor: str | None
    total: int | None
    applied: dict[str, Any]

    @classmethod
    def of(
        cls,
        found: Slice,
        data: list[dict[str, Any]],
        at: PageAt,
        filters: Mapping[str, Any],
    ) -> Self:
        return cls(data, at.limit, found.next_cursor, found.total, dict(filters))


def read_slice(
    session: Session,
    listing: Listing,
    clauses: Sequence[ColumnElement[bool]],
    at: PageAt,
) -> Slice:
    """The ids of one page. ``listing`` says of what, and in which order.

    Raises InvalidCursorError.
    """
    fingerprint = list_fingerprint(listing.path, listing.filters)
    id_column, order = listing.id_column, listing.order
    statement = select(id_column, order).where(*clauses).order_by(order).limit(at.limit + 1)
    if at.cursor is not None:
        [after] = read_cursor(fingerprint, at.cursor, (order.type.python_type,))
        statement = statement.where(order > after)
    rows = session.execute(statement).all()
    more = len(rows) > at.limit
    rows = rows[: at.limit]
    return Slice(
        ids=[row[0] for row in rows],
        next_cursor=write_cursor(fingerprint, [rows[-1][1]]) if more else None,
        total=session.scalar(select(func.count()).select_from(id_column.table).where(*clauses)),
    )


def list_fingerprint(path: str, parameters: Mapping[str, Any]) -> str:
    """What a cursor is bound to: the list, its filters and its sort."""
    canonical = json.dumps([path, parameters], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def write_cursor(fingerprint: str, position: list[Any]) -> str:
    payload = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(fingerprint, payload) + payload).decode().rstrip("=")


def read_cursor(fingerprint: str, cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """The position after which the next page begins: one value of each of ``kinds``.

    Raises InvalidCursorError for one that is damaged or belongs to another list.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, payload = raw[:8], raw[8:]
        position = json.loads(payload) if check == _check(fingerprint, payload) else None
    except (binascii.Error, ValueError) as error:
        raise InvalidCursorError("The cursor is damaged.") from error
    if not isinstance(position, list) or list(map(type, position)) != list(kinds):
        raise InvalidCursorError("The cursor is damaged, or is used with other filters or sort.")
    return position


def _check(fingerprint: str, payload: bytes) -> bytes:
    return hashlib.sha256(fingerprint.encode() + payload).digest()[:8]
