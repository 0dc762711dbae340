"""Whether citations stand where they say: their passage, their span, the words at that place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import InvalidRequestError
from app.models import Document, DocumentText, Passage
from app.schemas.seed import CitationSeed
from app.vocabulary import Verification

MAX_PLACES = 20


class _Cited(NamedTuple):
    """The bounds of a passage; ``text`` is the digest of its document's text, if it is held."""

    start: int
    end: int
    text: str | None
    merged: bool


def verification_of(session: Session, citations: Sequence[CitationSeed]) -> list[Verification]:
    """What each citation is worth: verified where its document's text is held and says so.

    Raises InvalidRequestError naming every citation whose passage is not there, whose span
    lies outside of it, or whose quote stands elsewhere in the text, and where. Three
    statements, however many citations.
    """
    passages = _passages(session, citations) if citations else {}
    texts = held_texts(session, {cited.text for cited in passages.values() if cited.text})
    found: list[Verification] = []
    errors: list[dict[str, Any]] = []
    for number, citation in enumerate(citations):
        cited = passages.get(citation.passage)
        text = texts.get(cited.text) if cited and cited.text else None
        fault = _fault(citation, cited, text, is_listed=len(errors) < MAX_PLACES)
        if fault:
            place, code, detail = fault
            pointer = f"/citations/{number}/{place}"
            errors.append({"in": "body", "pointer": pointer, "code": code, "detail": detail})
        is_compared = text is not None and citation.quote is not None
        found.append(Verification.verified if is_compared else Verification.unverified)
    if errors:
        raise InvalidRequestError(
            f"{len(errors)} of the citations do not stand where they say; "
            "`errors` names the places.",
            errors=errors,
        )
    return found


def held_texts(session: Session, digests: set[str]) -> dict[str, str]:
    rows = select(DocumentText.sha256, DocumentText.text).where(DocumentText.sha256.in_(digests))
    return dict(session.execute(rows).all()) if digests else {}


def _passages(session: Session, citations: Sequence[CitationSeed]) -> Mapping[str, _Cited]:
    names = [citation.passage.partition("/") for citation in citations]
    documents = Document.key.in_({document for document, _, _ in names})
    # Their texts and passages are kept as they are until what cites them is written.
    session.execute(
        select(Document.id)
        .where(documents)
        .order_by(Document.id)
        .with_for_update(read=True, key_share=True),
    )
    rows = session.execute(
        select(
            Document.key,
            Document.sha256,
            Document.text_held,
            Document.merged,
            Passage.key,
            Passage.start,
            Passage.end,
        )
        .join(Passage, Passage.document_id == Document.id)
        .where(
            documents,
            Passage.key.in_({passage for _, _, passage in names}),
        ),
    )
    return {
        f"{document}/{passage}": _Cited(start, end, sha256 if held else None, merged)
        for document, sha256, held, merged, passage, start, end in rows
    }


def _fault(
    citation: CitationSeed,
    cited: _Cited | None,
    text: str | None,
    *,
    is_listed: bool,
) -> tuple[str, str, str] | None:
    """Member, code and detail of what is wrong. Places are only looked for where listed."""
    if cited is None:
        return "passage", "unknown_passage", f"There is no passage {citation.passage}."
    if cited.merged:
        return "passage", "merged_document", "The document was merged into another: cite that."
    if citation.start is None or citation.end is None or citation.quote is None:
        return None
    if text is not None and text[citation.start : citation.end] != citation.quote:
        return (
            "start",
            "quote_not_there",
            where_it_stands(text, citation.quote) if is_listed else "",
        )
    if citation.start < cited.start or citation.end > cited.end:
        bounds = f"{cited.start}..{cited.end}"
        detail = f"The quote lies outside of {citation.passage}, which is {bounds}."
        return "start", "outside_of_passage", detail
    return None


def where_it_stands(text: str, quote: str) -> str:
    """One sentence: at which places of the text the quote is found, if at any."""
    places = []
    walk = occurrences(text, quote)
    for start in walk:
        places.append(f"{start}..{start + len(quote)}")
        if len(places) == MAX_PLACES:
            break
    if not places:
        return "The quote does not occur in the text."
    more = text.count(quote, start + 1)
    if more:
        return f"The quote stands at {', '.join(places)} and {more} more places."
    *first, last = places
    return (
        f"The quote stands at {', '.join(first)} and {last}."
        if first
        else (f"The quote stands at {last}.")
    )


def occurrences(text: str, quote: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Every place between ``start`` and ``end`` at which the quote begins; they may overlap."""
    found = text.find(quote, start, end)
    while found >= 0:
        yield found
        found = text.find(quote, found + 1, end)
