"""Pages of a list in a total order, continued by an opaque cursor, never by offset."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.errors import InvalidCursorError
from app.queries.counts import Total, count_up_to

DEFAULT_LIMIT = 25
MAX_INTEGER = 2**63 - 1


class PageAt(NamedTuple):
    """Which page is wanted."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class Order(NamedTuple):
    """One part of a total order: never null, compared as ``kind``."""

    expression: Any
    kind: type = int
    descending: bool = False

    def after(self, value: Any) -> ColumnElement[bool]:
        clause: ColumnElement[bool]
        clause = self.expression < value if self.descending else self.expression > value
        return clause


class Listing(NamedTuple):
    """A list that pages are cut from: its address, what a cursor is bound to, its order.

    The last part of ``order`` has no duplicates.
    """

    path: str
    filters: Mapping[str, Any]
    id_column: Any
    order: tuple[Order, ...]


class Slice(NamedTuple):
    """The ids on one page, in order; where the next begins; how many there are in all."""

    ids: list[int]
    next_cursor: str | None
    total: Total


class Page(NamedTuple):
    """``next_cursor`` is None on the last page. ``total`` counts the whole list.

    ``data`` are records, or what is JSON already.
    """

    data: list[Any]
    limit: int
    next_cursor: str | None
    total: Total
    applied: dict[str, Any]

    @classmethod
    def of(
        cls,
        found: Slice,
        data: list[Any],
        at: PageAt,
        filters: Mapping[str, Any],
    ) -> Self:
        return cls(data, at.limit, found.next_cursor, found.total, as_applied(filters))


def as_applied(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as they were understood; what is chosen stands in a list, a flag too."""
    return {
        name: [value] if isinstance(value, bool) and name != "concept_narrower" else value
        for name, value in filters.items()
    }


def read_slice(
    session: Session,
    listing: Listing,
    clauses: Sequence[ColumnElement[bool]],
    at: PageAt,
    *,
    total: Total | None = None,
) -> Slice:
    """The ids of one page, of all that fit unless ``total`` is known. Raises InvalidCursorError."""
    fingerprint = list_fingerprint(listing.path, listing.filters)
    id_column, order = listing.id_column, listing.order
    statement = (
        select(id_column, *(part.expression for part in order))
        .where(*clauses)
        .order_by(*(p.expression.desc() if p.descending else p.expression for p in order))
        .limit(at.limit + 1)
    )
    if at.cursor is not None:
        statement = statement.where(after(order, read_cursor(fingerprint, at.cursor, order)))
    rows = session.execute(statement).all()
    more = len(rows) > at.limit
    rows = rows[: at.limit]
    return Slice(
        ids=[row[0] for row in rows],
        next_cursor=write_cursor(fingerprint, rows[-1][1:]) if more else None,
        total=total or count_up_to(session, id_column, clauses, None),
    )


def after(order: Sequence[Order], position: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind a position: later in the first part, or equal there and later in the next."""
    clauses = []
    for number, part in enumerate(order):
        equal = [
            former.expression == value
            for former, value in zip(order[:number], position, strict=False)
        ]
        clauses.append(and_(*equal, part.after(position[number])))
    return or_(*clauses)


def list_fingerprint(path: str, parameters: Mapping[str, Any]) -> str:
    """What a cursor is bound to: the list, its filters and its sort."""
    canonical = json.dumps([path, parameters], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def write_cursor(fingerprint: str, position: Sequence[Any]) -> str:
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in position]
    payload = json.dumps(plain, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(fingerprint, payload) + payload).decode().rstrip("=")


def read_cursor(fingerprint: str, cursor: str, order: Sequence[Order]) -> list[Any]:
    """The position after which the next page begins.

    Raises InvalidCursorError for one that is damaged or belongs to another list.
    """
    damaged = InvalidCursorError(
        "The cursor is damaged, or is used with other filters or another sort.",
    )
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        check, payload = raw[:8], raw[8:]
        position = json.loads(payload) if check == _check(fingerprint, payload) else None
        if not isinstance(position, list) or len(position) != len(order):
            raise damaged
        return [_read_part(part, value) for part, value in zip(order, position, strict=True)]
    except (binascii.Error, ValueError, OverflowError, RecursionError) as error:
        raise damaged from error


def _read_part(part: Order, value: Any) -> Any:
    """Anyone can compute the check of a cursor, so nothing in it is trusted."""
    if part.kind is int:
        if type(value) is not int or abs(value) > MAX_INTEGER:
            raise ValueError("not an integer of the database")
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not a text of the database")
    value.encode()  # a lone surrogate is a ValueError
    # In UTC already here, so that a moment outside of the calendar is an error of the cursor.
    return datetime.fromisoformat(value).astimezone(UTC) if part.kind is datetime else value


def _check(fingerprint: str, payload: bytes) -> bytes:
    return hashlib.sha256(fingerprint.encode() + payload).digest()[:8]
