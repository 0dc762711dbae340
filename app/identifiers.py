"""Public ids: a prefix and the row's number, ``CLM42``; a version behind a dot, ``CLM42.3``."""

import re
from enum import StrEnum

_PATTERN = re.compile(r"([A-Z]{3})([1-9][0-9]{0,17})(?:\.([1-9][0-9]{0,8}))?")


class Prefix(StrEnum):
    claim = "CLM"
    citation = "CIT"
    condition = "CND"
    concept = "CPT"
    conflict = "CNF"
    document = "DOC"
    passage = "PSG"
    proposal = "PRP"
    account = "ACC"
    import_ = "IMP"


def public_id(prefix: Prefix, number: int) -> str:
    return f"{prefix}{number}"


def number_of(prefix: Prefix, text: str) -> int:
    """The number in an id of our own making: ``CLM42`` -> 42."""
    return int(text.removeprefix(prefix))


def parse_id(prefix: Prefix, text: str) -> tuple[int, int | None] | None:
    """``CLM42.3`` -> (42, 3), ``CLM42`` -> (42, None); None if it is no such id."""
    match = _PATTERN.fullmatch(text)
    if match is None or match[1] != prefix:
        return None
    return int(match[2]), int(match[3]) if match[3] else None
