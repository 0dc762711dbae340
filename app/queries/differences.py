"""What differs between two versions of a record, place by place."""

from collections.abc import Iterator
from typing import Any

from app.queries.records import Record

# They differ between any two versions.
OF_THE_VERSION = {"version", "updated_at"}


def differences(before: Record, after: Record) -> list[Record]:
    """Each place as a JSON pointer, with what stood and what stands there.

    Items that have ids are compared with those of the same id, wherever they stand; the
    pointer has the place in ``after``, of what is gone in ``before``.
    """
    own = {name: part for name, part in before.items() if name not in OF_THE_VERSION}
    new = {name: part for name, part in after.items() if name not in OF_THE_VERSION}
    return list(_differing("", own, new))


def _differing(place: str, before: Any, after: Any) -> Iterator[Record]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _differing(f"{place}/{_escaped(name)}", before.get(name), after.get(name))
    elif _has_ids(before) and _has_ids(after):
        yield from _differing_items(place, before, after)
    else:
        yield {"pointer": place, "before": before, "after": after}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and "id" in v for v in value)


def _differing_items(place: str, before: list[Record], after: list[Record]) -> Iterator[Record]:
    former = {item["id"]: item for item in before}
    kept = {item["id"] for item in after}
    for number, item in enumerate(before):
        if item["id"] not in kept:
            yield {"pointer": f"{place}/{number}", "before": item, "after": None}
    for number, item in enumerate(after):
        yield from _differing(f"{place}/{number}", former.get(item["id"]), item)
