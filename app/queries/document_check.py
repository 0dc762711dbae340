"""A document's citations against its text: offsets, words, and what no citation touches."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Document, Passage
from app.vocabulary import ClaimStatus

Say = Callable[[str], None]

# A sentence ends at a full stop, question or exclamation mark (and closing quotes) before
# white space or the end; the document's own glued lines are parted by its passages.
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*(?=\s|$)")


class Span(NamedTuple):
    start: int
    end: int


def sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """The sentences of ``text[start:end]``, without the white space between them."""
    at = start
    while at < end:
        while at < end and text[at].isspace():
            at += 1
        match = _SENTENCE_END.search(text, at, end)
        stop = match.end() if match else end
        if at < stop:
            yield Span(at, stop)
        at = stop


def locate_quote(text: str, quote: str) -> list[Span]:
    """Every place where the words stand, overlapping ones too."""
    places = []
    at = text.find(quote) if quote else -1
    while at >= 0:
        places.append(Span(at, at + len(quote)))
        at = text.find(quote, at + 1)
    return places


def check_document(session: Session, key: str, content: bytes, say: Say) -> list[str]:
    """Compare all citations of the document ``key`` with its text; faults in sentences.

    Says for each passage how many of its sentences are cited, and names every sentence
    that is neither cited nor listed as uncited with a reason.
    """
    document = session.scalar(select(Document).where(Document.key == key))
    if document is None:
        return [f"there is no document {key}"]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return [f"the text of {key} is not UTF-8"]
    if document.sha256 != hashlib.sha256(content).hexdigest():
        return [f"the text is not the one that {key} was made from: its SHA-256 differs"]
    faults = []
    if document.length != len(text):
        faults.append(f"{key} is said to have {document.length} code points, not {len(text)}")
    passages = session.scalars(
        select(Passage).where(Passage.document_id == document.id).order_by(Passage.position),
    ).all()
    citations = _citations(session, [passage.id for passage in passages])
    with_span = [c for c in citations if c.start is not None]
    wrong = [c for c in with_span if text[c.start : c.end] != c.quote]
    faults += [
        f"CIT{c.id}: the text has other words at {c.start}..{c.end}{_elsewhere(text, c)}"
        for c in wrong
    ]
    say(f"{key}: {len(with_span) - len(wrong)} of {len(citations)} citations verified")
    reasons = {Span(span["start"], span["end"]) for span in document.uncited}
    for passage in passages:
        faults += _coverage_faults(text, passage, citations, reasons, say)
    return faults


def _citations(session: Session, passage_ids: Sequence[int]) -> Sequence[Citation]:
    return session.scalars(
        select(Citation)
        .join(Claim, Claim.id == Citation.claim_id)
        .where(Citation.passage_id.in_(passage_ids), Claim.status == ClaimStatus.published)
        .order_by(Citation.start, Citation.id),
    ).all()


def _elsewhere(text: str, citation: Citation) -> str:
    places = locate_quote(text, citation.quote or "")
    return f"; the quote stands at {places[0].start}" if places else ""


def _coverage_faults(
    text: str,
    passage: Passage,
    citations: Sequence[Citation],
    listed: set[Span],
    say: Say,
) -> list[str]:
    own = [c for c in citations if c.passage_id == passage.id]
    spans = [(c.start, c.end) for c in own if c.start is not None and c.end is not None]
    found = list(sentences(text, passage.start, passage.end))
    untouched = [
        sentence
        for sentence in found
        if not any(start < sentence.end and sentence.start < end for start, end in spans)
    ]
    missing = [sentence for sentence in untouched if sentence not in listed]
    say(
        f"  {passage.key}: {len(spans)} citations touch {len(found) - len(untouched)} of "
        f"{len(found)} sentences, {len(untouched) - len(missing)} uncited with a reason",
    )
    return [
        f"{passage.key}: no citation touches {s.start}..{s.end}, and no reason is given"
        for s in missing
    ]
