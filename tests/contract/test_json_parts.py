"""JSON that is put together of parts is what it would be if it were written at once."""

import json
from typing import Any

import pytest

from app.json_parts import (
    Json,
    Pieces,
    json_array,
    json_object,
    object_pieces,
    with_members,
    written,
)

PART = {"b": [1, "ä"], "c": None}
WHOLE = json.dumps(PART).encode()
IN_PIECES = Pieces([memoryview(WHOLE)[:-1], b"", b"}"])


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"a": 1},
        {"a": Json(WHOLE)},
        {"a": IN_PIECES},
        {"a": 1, "part": IN_PIECES, "z": [2, "3"]},
        {"part": IN_PIECES, "a": 1, "other": Json(WHOLE), "more": IN_PIECES, "z": None},
        {"list": [Json(WHOLE), Json(b"2")], "a": []},
        {"a": 'quotes " and \\ and \u2028'},
    ],
)
def test_an_object_has_its_members_in_order(members: dict[str, Any]) -> None:
    plain = {name: json.loads(written(value)) for name, value in members.items()}

    assert list(json.loads(json_object(members)).items()) == list(plain.items())
    assert b"".join(object_pieces(members)) == json_object(members)
    assert json.loads(with_members(b' {"first": 1} ', members)) == {"first": 1} | plain
    assert json.loads(with_members(b"{}", members)) == plain


def test_a_value_in_pieces_is_one_value() -> None:
    assert json.loads(written(IN_PIECES)) == PART
    assert json.loads(json_array([written(IN_PIECES), Json(b"1")])) == [PART, 1]
