"""Lines for imports: the records of the small seed, to be changed by each test."""

import io
import json
from collections.abc import Iterable
from typing import Any

from app.bulk import Importer, run_import
from app.commands.import_staging import LineFault
from app.db import Sessions
from app.errors import ImportRefusedError
from app.vocabulary import load_vocabulary
from tests.commands.seeds import TEXT, small_seed

Line = dict[str, Any]


def small_lines() -> list[Line]:
    """Claims first: lines may stand in any order."""
    seed = small_seed()
    return [
        {"type": kind, **record}
        for kind in ("claim", "concept", "condition", "document")
        for record in seed[f"{kind}s"]
    ]


def line_of(lines: list[Line], key: str) -> Line:
    """The line of this key or slug, or the claim of this value."""
    return next(line for line in lines if key in _names(line))


def _names(line: Line) -> list[str]:
    if line["type"] == "claim":
        return [line["key"], line["key"].removeprefix("milia/"), line["key"].rpartition("/")[2]]
    return [line.get("key") or line["slug"]]


def with_text(lines: list[Line]) -> list[Line]:
    document = line_of(lines, "leaflet")
    document["text"] = TEXT
    return lines


def written(lines: Iterable[Line | bytes]) -> bytes:
    return b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )


def import_lines(sessions: Sessions, lines: Iterable[Line | bytes], **how: Any) -> Line:
    importer = Importer("tester", **how)
    return run_import(sessions, io.BytesIO(written(lines)), load_vocabulary(), importer)


def faults_of(sessions: Sessions, lines: Iterable[Line | bytes], **how: Any) -> list[LineFault]:
    try:
        report = import_lines(sessions, lines, **how)
    except ImportRefusedError as error:
        return [LineFault(**fault) for fault in error.extra["faults"]]
    raise AssertionError(f"it was imported: {report}")
