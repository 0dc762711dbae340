"""JSON that is put together of parts which are JSON already."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json


class Json(bytes):
    """One value, written out."""

    __slots__ = ()


def written(value: Any) -> Json:
    """``value`` as JSON; a list may have parts that are JSON already, then all of its parts are."""
    if isinstance(value, Json):
        return value
    if isinstance(value, list) and _has_json(value):
        return json_array(value)
    return Json(to_json(value))


def as_text(value: Any) -> str:
    """As it is stored, and as answers have it, byte for byte."""
    return written(value).decode()


def json_array(parts: Iterable[Json]) -> Json:
    return Json(b"[" + b",".join(parts) + b"]")


def json_object(members: Mapping[str, Any]) -> Json:
    return Json(b"{" + b",".join(_members(members)) + b"}")


def with_members(content: bytes, members: Mapping[str, Any]) -> Json:
    """An object with more members at its end, none of which it has."""
    inner = content.strip()[1:-1].strip()
    parts = [inner, *_members(members)] if inner else _members(members)
    return Json(b"{" + b",".join(parts) + b"}")


def _members(members: Mapping[str, Any]) -> list[bytes]:
    """Written one by one only where they are JSON already: one call for the others is cheaper."""
    parts: list[bytes] = []
    plain: dict[str, Any] = {}
    for name, value in members.items():
        if isinstance(value, Json) or (isinstance(value, list) and _has_json(value)):
            parts += [*_plain(plain), to_json(name) + b":" + written(value)]
            plain = {}
        else:
            plain[name] = value
    return [*parts, *_plain(plain)]


def _plain(members: dict[str, Any]) -> list[bytes]:
    return [to_json(members)[1:-1]] if members else []


def _has_json(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], Json)
