"""JSON as RFC 8259 and I-JSON mean it: no NaN, no overflowing number, no key twice."""

import json
import math
from collections.abc import Callable
from typing import Any

from app.errors import MalformedRequestError

MAX_DEPTH = 64


def read_json(content: bytes) -> Any:
    """The value of a JSON text in UTF-8 (a byte order mark is tolerated).

    Raises MalformedRequestError with line and column where there are any.
    """
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite(float),
            parse_int=_finite(int),
        )
    except UnicodeDecodeError as error:
        raise MalformedRequestError(f"Byte {error.start} is not valid UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedRequestError(f"No valid JSON at {where}: {error.msg}.") from error
    except RecursionError as error:
        raise MalformedRequestError("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise MalformedRequestError(f"No valid JSON: {error}.") from error
    _check(value, MAX_DEPTH)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _finite(number: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(digits: str) -> Any:
        value = number(digits)
        # Compared first: an integer of 400 digits is more than isfinite can take.
        if abs(value) >= 2**63 or not math.isfinite(value):
            raise ValueError("a number is too large")
        return value

    return parse


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise MalformedRequestError("The JSON is nested too deeply.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_text(key)
            _check(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _check(member, depth - 1)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedRequestError("A text contains the NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedRequestError("A text contains half of a surrogate pair.") from error
