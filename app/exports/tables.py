"""CSV for spreadsheets and statistics: a row for each citation, the claim's columns repeated.

UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8; RFC 4180 with
CRLF. An empty cell is null. A text that a spreadsheet could take for a formula gets an
apostrophe before it, and so does one that begins with an apostrophe: who reads the file takes
one leading apostrophe away from every cell (``unguarded``), and has what the API has.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from app.exports.edition import Edition
from app.queries.claim_stream import ClaimStream
from app.queries.records import Record
from app.vocabulary import ScopePart

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What formulas begin with, also behind quotes and spaces, and as wide forms.
_FORMULA = re.compile(r"""[\s"'\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n']""")

Cell = Callable[[Record], Any]


def guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    return cell.removeprefix("'")


def _part(*names: str) -> Cell:
    """A value some levels down; None where a level is."""

    def find(record: Record) -> Any:
        value: Any = record
        for name in names:
            value = None if value is None else value[name]
        return value

    return find


def _of_conflicts(part: str) -> Cell:
    return lambda claim: " ".join(ref[part] for ref in claim["conflicts"]) or None


CLAIM_COLUMNS: dict[str, Cell] = {
    "claim": _part("id"),
    "key": _part("key"),
    "version": _part("version"),
    "status": _part("status"),
    "condition": _part("condition", "slug"),
    "condition_name": _part("condition", "name"),
    "type": _part("type"),
    "question": _part("question"),
    "statement": _part("statement"),
    "polarity": _part("polarity"),
    "subject": _part("subject", "key"),
    "subject_label": _part("subject", "label"),
    "concept": _part("concept", "key"),
    "concept_label": _part("concept", "label"),
    "quantity_low": _part("quantity", "low"),
    "quantity_high": _part("quantity", "high"),
    "quantity_unit": _part("quantity", "unit"),
    "quantity_as_said": _part("quantity", "as_said"),
    "words": _part("words"),
    **{
        f"scope_{part.value}{suffix}": _part("scope", part.value, field)
        for part in ScopePart
        for suffix, field in (("", "key"), ("_label", "label"))
    },
    "scope_age_low": _part("scope", "age_low"),
    "scope_age_high": _part("scope", "age_high"),
    "conflict": _part("conflict"),
    "severity": _part("severity"),
    "conflict_ids": _of_conflicts("id"),
    "conflict_kinds": _of_conflicts("kind"),
    "conflict_severities": _of_conflicts("severity"),
}
COUNT_COLUMNS: dict[str, Cell] = {
    "passage_count": _part("passage_count"),
    "document_count": _part("document_count"),
    "created_at": _part("created_at"),
    "updated_at": _part("updated_at"),
}
CITATION_COLUMNS: dict[str, Cell] = {
    "citation": _part("id"),
    "document": _part("document", "id"),
    "document_key": _part("document", "key"),
    "passage": _part("passage", "id"),
    "passage_key": _part("passage", "key"),
    "passage_heading": _part("passage", "heading"),
    "start": _part("start"),
    "end": _part("end"),
    "quote": _part("quote"),
    "locator": _part("locator"),
    "certainty": _part("certainty"),
    "frequency": _part("frequency"),
    "exclusivity": _part("exclusivity"),
    "hedge": _part("hedge"),
    "subject_words": _part("subject_words"),
    "verification": _part("verification"),
}
HEADINGS = [
    *CLAIM_COLUMNS,
    "conflict_sides",
    *COUNT_COLUMNS,
    *CITATION_COLUMNS,
    "row",
]


def write_csv(stream: ClaimStream, edition: Edition) -> Iterator[bytes]:  # noqa: ARG001 - the signature of all writers
    """The last column counts: ``17 of 468``. A file is whole if its last row says ``N of N``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    yield BYTE_ORDER_MARK + _taken(text)
    number = 0
    for batch in stream.claims():
        sides = _sides_of(stream, batch)
        for claim in batch:
            shared = [_cell(find(claim)) for find in CLAIM_COLUMNS.values()]
            shared.append(_cell(_all_sides(claim, sides)))
            shared += [_cell(find(claim)) for find in COUNT_COLUMNS.values()]
            for citation in claim["citations"] or [None]:
                number += 1
                own = [_cell(citation and find(citation)) for find in CITATION_COLUMNS.values()]
                writer.writerow([*shared, *own, f"{number} of {stream.totals.rows}"])
        yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    written = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return written


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if isinstance(value, str) else repr(value)


def _sides_of(stream: ClaimStream, batch: list[Record]) -> dict[str, str]:
    """The sides of the conflicts of these claims, in words, by the conflict's id."""
    return {
        conflict["id"]: f"{conflict['id']}: "
        + " / ".join(
            f"{'not ' if side['polarity'] == 'denies' else ''}{side['label']}"
            f" [{' '.join(side['claims'])}]"
            for side in conflict["sides"]
        )
        for conflict in stream.conflicts_of(batch)
    }


def _all_sides(claim: Record, sides: dict[str, str]) -> str | None:
    return " | ".join(sides[ref["id"]] for ref in claim["conflicts"]) or None
