"""JSON that is put together of parts which are JSON already."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json


class Json(bytes):
    """One value, written out."""

    __slots__ = ()


class Pieces(list[bytes | memoryview]):
    """One value, written out in pieces: they are copied once, into what it is part of."""

    __slots__ = ()


def written(value: Any) -> Json:
    """``value`` as JSON; a list may have parts that are JSON already, then all of its parts are."""
    if isinstance(value, Json):
        return value
    if isinstance(value, Pieces):
        return Json(b"".join(value))
    if isinstance(value, list) and _has_json(value):
        return json_array(value)
    return Json(to_json(value))


def as_text(value: Any) -> str:
    """As it is stored, and as answers have it, byte for byte."""
    return written(value).decode()


def json_array(parts: Iterable[Json]) -> Json:
    return Json(b"[" + b",".join(parts) + b"]")


def array_pieces(parts: Iterable[Iterable[bytes | memoryview]]) -> Pieces:
    """A list of what is in pieces itself."""
    pieces = Pieces([b"["])
    for part in parts:
        pieces += (b",", *part)
    pieces[1:2] = []  # the first comma, if there is one
    pieces.append(b"]")
    return pieces


def json_object(members: Mapping[str, Any]) -> Json:
    return Json(b"".join(object_pieces(members)))


def object_pieces(members: Mapping[str, Any]) -> Pieces:
    return Pieces([b"{", *_members(members), b"}"])


def with_members(content: bytes, members: Mapping[str, Any]) -> Json:
    """An object with more members at its end, none of which it has."""
    inner = content.strip()[1:-1].strip()
    comma = b"," if inner and members else b""
    return Json(b"".join([b"{", inner, comma, *_members(members), b"}"]))


def _members(members: Mapping[str, Any]) -> list[bytes | memoryview]:
    """Written one by one only where they are JSON already: one call for the others is cheaper."""
    pieces: list[bytes | memoryview] = []
    plain: dict[str, Any] = {}
    for name, value in members.items():
        if isinstance(value, (Json, Pieces)) or (isinstance(value, list) and _has_json(value)):
            pieces += [*_plain(plain), b",", to_json(name), b":"]
            pieces += value if isinstance(value, Pieces) else [written(value)]
            plain = {}
        else:
            plain[name] = value
    return [*pieces, *_plain(plain)][1:]


def _plain(members: dict[str, Any]) -> list[bytes]:
    return [b",", to_json(members)[1:-1]] if members else []


def _has_json(values: list[Any]) -> bool:
    return bool(values) and isinstance(values[0], Json)
