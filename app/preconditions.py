"""``If-Match``: the version that a change was made from."""

import re
from typing import Annotated

from fastapi import Depends, Header

from app.errors import (
    InvalidRequestError,
    NotFoundError,
    PreconditionRequiredError,
    StaleError,
)
from app.identifiers import Prefix, parse_id

_TAG = re.compile(r'(?:W/)?"?([A-Z]{3}[1-9][0-9]{0,17})\.([1-9][0-9]{0,8})(?:-[0-9a-z-]+)?"?')


class Expected:
    """The record and version that the client read."""

    def __init__(self, record: str, version: int) -> None:
        self.record = record
        self.version = version


def _expected(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=200,
            description="The entity tag or the version that was read.",
            examples=['"CLM1.1"'],
        ),
    ] = None,
) -> Expected:
    """Raises PreconditionRequiredError without the header, InvalidRequestError for another
    form; whether the version is the current one is for the command to say."""
    if if_match is None or if_match.strip() in {"", "*"}:
        raise PreconditionRequiredError(
            "Name the version that the change was made from, by If-Match with its entity tag.",
        )
    match = _TAG.fullmatch(if_match.strip())
    if match is None:
        raise InvalidRequestError(
            "If-Match is not an entity tag of a record.",
            errors=[
                {
                    "in": "header",
                    "parameter": "If-Match",
                    "code": "invalid",
                    "detail": 'One entity tag as it was read is needed, such as "CLM42.3".',
                },
            ],
        )
    return Expected(match[1], int(match[2]))


IfMatch = Annotated[Expected, Depends(_expected)]


def record_number(prefix: Prefix, text: str) -> int:
    """42 of ``CLM42``. Raises NotFoundError."""
    parsed = parse_id(prefix, text)
    if parsed is None or parsed[1] is not None:
        raise NotFoundError("There is no record of this id.")
    return parsed[0]


def version_of(expected: Expected, name: str) -> int:
    """The version of ``name`` that the client read. Raises StaleError for another record's."""
    if expected.record != name:
        raise StaleError(f"If-Match has the tag of another record than {name}.")
    return expected.version
