"""Statements that name many rows, a part of them at a time."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

ROWS_AT_ONCE = 500
ItemT = TypeVar("ItemT", int, str)


def in_parts(items: Iterable[ItemT]) -> Iterator[list[ItemT]]:
    """In order, a part at a time: a statement takes only so many values."""
    ordered = sorted(items)
    for first in range(0, len(ordered), ROWS_AT_ONCE):
        yield ordered[first : first + ROWS_AT_ONCE]
