"""What the lines of an import may refer to: in the file itself, or in the base."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.import_staging import Staging, parts
from app.models import Concept, Condition, Document, DocumentText, Passage
from app.queries.document_check import locate_quote
from app.schemas.imports import DocumentLine
from app.schemas.seed import CitationSeed, PassageSeed

REMEMBERED = 20_000  # names, passages, texts
REMEMBERED_TEXT = 4_000_000  # code points
PLACES_NAMED = 5
ANYWHERE = PassageSeed(key="any", start=0, end=1_000_000_000)


class _Anywhere(dict[str, PassageSeed]):
    """Passages by ``document/passage``; those of a document at fault are taken as they come."""

    def __init__(self, broken: Collection[str]) -> None:
        super().__init__()
        self._broken = broken

    def get(self, key: str, default: Any = None) -> Any:
        if key.partition("/")[0] in self._broken:
            return ANYWHERE
        return super().get(key, default)


class Places:
    """Looked up a batch at a time; what was found is remembered up to a limit."""

    def __init__(self, session: Session, staging: Staging) -> None:
        self._session = session
        self._staging = staging
        self._concepts: set[str] = set()
        self._conditions: set[str] = set()
        self._documents: dict[str, list[PassageSeed]] = {}
        self._texts: dict[str, str | None] = {}
        self._remembered = 0  # code points

    def concepts(self, wanted: Collection[str]) -> set[str]:
        """Those of these keys that a claim or a concept may refer to."""
        column = select(Concept.key).where(Concept.merged_into_id.is_(None))
        return self._known("concept", wanted, self._concepts, column, Concept.key)

    def conditions(self, wanted: Collection[str]) -> set[str]:
        column = select(Condition.slug)
        return self._known("condition", wanted, self._conditions, column, Condition.slug)

    def _known(
        self,
        type_: str,
        wanted: Collection[str],
        known: set[str],
        statement: Any,
        column: Any,
    ) -> set[str]:
        if len(known) > REMEMBERED:
            known.clear()
        missing = [key for key in wanted if key not in known]
        if missing:
            known |= self._staging.keys(type_, missing)
            missing = [key for key in missing if key not in known]
        for part in parts(missing):
            known |= set(self._session.scalars(statement.where(column.in_(part))))
        return known

    def passages(self, wanted: Collection[str]) -> Mapping[str, PassageSeed]:
        """Passages of the documents that are named, by ``document/passage``."""
        documents = {name.partition("/")[0] for name in wanted}
        if sum(map(len, self._documents.values())) > REMEMBERED:
            self._documents.clear()
        self._load_documents([key for key in documents if key not in self._documents])
        found = _Anywhere(self._staging.broken("document", documents))
        for key in documents:
            for passage in self._documents.get(key, ()):
                found[f"{key}/{passage.key}"] = passage
        return found

    def _load_documents(self, keys: Sequence[str]) -> None:
        for part in parts(keys):
            for key, body in self._staging.bodies("document", part).items():
                self._documents[key] = DocumentLine.model_validate_json(body).passages
        for part in parts([key for key in keys if key not in self._documents]):
            self._load_stored(part)

    def _load_stored(self, keys: Sequence[str]) -> None:
        rows = self._session.execute(
            select(Document.key, Passage.key, Passage.start, Passage.end)
            .join(Passage, Passage.document_id == Document.id)
            .where(Document.key.in_(keys), ~Document.merged),
        )
        for document, passage, start, end in rows:
            self._documents.setdefault(document, []).append(
                PassageSeed(key=passage, start=start, end=end),
            )

    def wrong_quotes(self, citations: Iterable[CitationSeed]) -> Iterator[tuple[int, str]]:
        """The places of quotes that do not stand where they are said to, with where they do."""
        for at, cited in enumerate(citations):
            if cited.quote is None or cited.start is None:
                continue
            text = self.text_of(cited.passage.partition("/")[0])
            if text is None or text[cited.start : cited.end] == cited.quote:
                continue
            yield at, f"the text has other words there; {_places(text, cited.quote)}"

    def text_of(self, document: str) -> str | None:
        """The text that is held, or that is sent along."""
        if document not in self._texts:
            if self._remembered > REMEMBERED_TEXT or len(self._texts) > REMEMBERED:
                self._texts.clear()
                self._remembered = 0
            self._texts[document] = text = self._load_text(document)
            self._remembered += len(text or "")
        return self._texts[document]

    def _load_text(self, document: str) -> str | None:
        text = self._staging.text(document)
        if text is None:
            text = self._session.scalar(
                select(DocumentText.text)
                .join(Document, Document.sha256 == DocumentText.sha256)
                .where(Document.key == document, Document.text_held),
            )
        return text


def _places(text: str, quote: str) -> str:
    found = locate_quote(text, quote)
    if not found:
        return "the quote stands nowhere in it"
    listed = ", ".join(f"{start}..{end}" for start, end in found[:PLACES_NAMED])
    more = f" and at {len(found) - PLACES_NAMED} more" if len(found) > PLACES_NAMED else ""
    return f"the quote stands at {listed}{more}"
