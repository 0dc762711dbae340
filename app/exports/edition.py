"""What an export says about itself."""

from dataclasses import dataclass

from app.queries.records import Record
from app.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Edition:
    """``base`` is the address of the service without a slash behind it, ``address`` that of
    this export. ``condition`` is there where the export is the page of one."""

    base: str
    address: str
    licence: str
    disclaimer: str
    vocabulary: Vocabulary
    condition: Record | None = None
