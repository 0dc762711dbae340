"""Claims written whole, in the formats of other tools, a piece at a time.

Each writer takes a ``ClaimStream`` and yields bytes. What is written depends on the base, the
request and the code alone, so that the same export twice is the same bytes. How a file that
was cut off is recognised differs by format; docs/decisions/0014-exports.md has them.
"""

from collections.abc import Iterator

from app.exports.edition import Edition
from app.exports.linked_data import write_jsonld
from app.exports.markdown import write_markdown
from app.exports.records import write_json, write_jsonl
from app.exports.tables import write_csv
from app.queries.claim_stream import ClaimStream
from app.schemas.shared import Format

__all__ = ["Edition", "write_export"]


def write_export(format_: Format, stream: ClaimStream, edition: Edition) -> Iterator[bytes]:
    writers = {
        Format.json: write_json,
        Format.csv: write_csv,
        Format.jsonl: write_jsonl,
        Format.jsonld: write_jsonld,
        Format.md: write_markdown,
    }
    return writers[format_](stream, edition)
