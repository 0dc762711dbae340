"""A new text of a document: its citations stay only where their words are found once."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.commands.citation_checks import MAX_PLACES, occurrences, where_it_stands
from app.commands.document_edits import (
    citing_error,
    claims_citing,
    content_of,
    fill_document,
    keep_text,
    lock_document,
    take_document,
    with_text,
)
from app.commands.patches import refuse_faults
from app.commands.touched import RecordEdit, refresh_touched, renew_claims
from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, public_id
from app.models import Citation, Document, Passage
from app.queries.records import Record, document_records
from app.schemas.document_edits import TextIn
from app.schemas.seed import DocumentContent, PassageSeed
from app.schemas.seed_checks import document_faults
from app.vocabulary import Verification

Report = dict[str, list[Record]]


class Place(NamedTuple):
    """The key of a passage, and a span in code points; without one for a locator."""

    passage: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a citation stood, and where it stands in the new text."""

    citation: Citation
    former: Place
    place: Place
    verification: Verification

    @property
    def is_new(self) -> bool:
        return self.place != self.former or self.verification is not self.citation.verification


def replace_document_text(
    session: Session,
    draft: ChangeDraft,
    edit: RecordEdit,
    body: TextIn,
) -> Report:
    """Hold this text for the document; what became of the citations that have a quote.

    The text that the digest was of all along only verifies them: nothing moves, and quotes
    that do not stand in it refuse it. Raises InvalidRequestError with the places that are
    wrong, ConflictingStateError where citations would lose their passage.
    """
    slugs = lock_document(session, edit.record_id)
    row = take_document(session, edit)
    content = _content(session, row, body)
    is_known = content.sha256 == row.sha256
    if is_known and row.text_held:
        raise ConflictingStateError(
            "The document holds this text already; its passages are changed by PATCH.",
        )
    cited = _cited(session, row.id)
    new = _NewText(body.text, content.passages)
    if is_known:
        _refuse_other_words(new, cited)
        anchors = [new.compared(citation, former) for citation, former in cited]
    else:
        may_stay = row.sha256 is None
        anchors = [new.found(citation, former, may_stay=may_stay) for citation, former in cited]
    _refuse_lost(new, anchors)
    report = _report(new, anchors)
    touched = {anchor.citation.claim_id for anchor in anchors if anchor.is_new}
    _write(session, row, content, anchors)
    keep_text(session, body.text)
    note_event(session, draft, "document", row, "text_replaced")
    renew_claims(session, draft, touched, "reanchored")
    refresh_touched(session, draft, slugs, edit.vocabulary, claims_citing(session, row.id))
    return report


class _NewText:
    def __init__(self, text: str, passages: Sequence[PassageSeed]) -> None:
        self.text = text
        self.passages = {passage.key: passage for passage in passages}
        self._in_order = list(passages)
        self._starts = [passage.start for passage in passages]

    def has_it_at(self, place: Place, quote: str | None) -> bool:
        return self.text[place.start : place.end] == quote

    def compared(self, citation: Citation, former: Place) -> Anchor:
        """The citation at its place; one that is orphaned stays so unless it fits."""
        if citation.quote is None or not self.has_it_at(former, citation.quote):
            return Anchor(citation, former, former, citation.verification)
        return Anchor(citation, former, former, Verification.verified)

    def found(self, citation: Citation, former: Place, *, may_stay: bool) -> Anchor:
        """The citation where its words are found exactly once, otherwise orphaned.

        With ``may_stay`` words that stand where they stood are not looked for elsewhere.
        """
        if citation.quote is None:
            return Anchor(citation, former, former, citation.verification)
        stays = may_stay and self.has_it_at(former, citation.quote) and self.holds(former)
        place = former if stays else self._only_place(former.passage, citation.quote)
        if place is None:
            return Anchor(citation, former, former, Verification.orphaned)
        return Anchor(citation, former, place, Verification.verified)

    def _only_place(self, home: str, quote: str) -> Place | None:
        """Where in the passage of the same key, or else in the whole text, the quote stands."""
        own = self.passages.get(home)
        starts = list(islice(occurrences(self.text, quote, own.start, own.end), 2)) if own else []
        if not starts:
            starts = list(islice(occurrences(self.text, quote), 2))
        if len(starts) != 1:
            return None
        number = bisect_right(self._starts, starts[0]) - 1
        if number < 0:
            return None
        place = Place(self._in_order[number].key, starts[0], starts[0] + len(quote))
        return place if self.holds(place) else None

    def holds(self, place: Place) -> bool:
        """Whether the passage is there, and the span in it."""
        passage = self.passages.get(place.passage)
        if passage is None or place.start is None or place.end is None:
            return passage is not None
        return passage.start <= place.start and place.end <= passage.end


def _content(session: Session, row: Document, body: TextIn) -> DocumentContent:
    """What the document is with this text. Sentences without a claim are of one text only."""
    record = content_of(document_records(session, [row.id])[row.id])
    own: Record = {"sha256": None, "length": None, "uncited": []}
    own |= body.model_dump(mode="json", include={"passages", "uncited"}, exclude_none=True)
    content = with_text(DocumentContent.model_validate(record | own), body.text)
    if content.sha256 == row.sha256 and body.uncited is None:
        content = DocumentContent.model_validate(
            content.model_dump(mode="json") | {"uncited": record["uncited"]},
        )
    refuse_faults(document_faults("", content))
    return content


def _cited(session: Session, document_id: int) -> list[tuple[Citation, Place]]:
    rows = session.execute(
        select(Citation, Passage.key)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(Passage.document_id == document_id)
        .order_by(Citation.id)
        .execution_options(populate_existing=True),
    )
    return [(citation, Place(key, citation.start, citation.end)) for citation, key in rows]


def _refuse_other_words(new: _NewText, cited: Sequence[tuple[Citation, Place]]) -> None:
    """Raises InvalidRequestError for citations whose words the text of the digest has not."""
    wrong = [
        citation
        for citation, place in cited
        if citation.quote is not None
        and citation.verification is not Verification.orphaned
        and not new.has_it_at(place, citation.quote)
    ]
    if wrong:
        errors = [
            {
                "in": "body",
                "pointer": "/text",
                "code": "quote_not_there",
                "citation": public_id(Prefix.citation, citation.id),
                "claim": public_id(Prefix.claim, citation.claim_id),
                "detail": where_it_stands(new.text, citation.quote or ""),
            }
            for citation in wrong[:MAX_PLACES]
        ]
        raise InvalidRequestError(
            f"{len(wrong)} citations do not stand in this text, which is the one of the "
            "document's digest; `errors` names them. Correct them first.",
            errors=errors,
        )


def _refuse_lost(new: _NewText, anchors: Sequence[Anchor]) -> None:
    """Raises ConflictingStateError for citations that would be left without their passage."""
    lost = [
        (anchor.citation.id, anchor.citation.claim_id)
        for anchor in anchors
        if not new.holds(
            anchor.place._replace(start=None)
            if anchor.verification is Verification.orphaned
            else anchor.place,
        )
    ]
    if lost:
        raise citing_error(
            "Citations that cannot move stand in passages that the new text has not.", lost
        )


def _write(
    session: Session, row: Document, content: DocumentContent, anchors: Sequence[Anchor]
) -> None:
    dropped = [
        passage
        for passage in row.passages
        if passage.key not in {part.key for part in content.passages}
    ]
    fill_document(row, content)
    row.text_held = True
    row.passages += dropped  # until nothing stands in them any more
    session.flush()
    ids = {passage.key: passage.id for passage in row.passages}
    for anchor in anchors:
        citation = anchor.citation
        citation.passage_id = ids[anchor.place.passage]
        citation.start, citation.end = anchor.place.start, anchor.place.end
        citation.verification = anchor.verification
    session.flush()
    row.passages = [passage for passage in row.passages if passage not in dropped]
    session.flush()


def _report(new: _NewText, anchors: Sequence[Anchor]) -> Report:
    report: Report = {"kept": [], "moved": [], "orphaned": []}
    for anchor in anchors:
        citation = anchor.citation
        if citation.quote is None:
            continue
        entry: dict[str, Any] = {
            "citation": public_id(Prefix.citation, citation.id),
            "claim": public_id(Prefix.claim, citation.claim_id),
            "place": anchor.place._asdict(),
        }
        if anchor.verification is Verification.orphaned:
            detail = where_it_stands(new.text, citation.quote)
            report["orphaned"].append(entry | {"quote": citation.quote, "detail": detail})
        elif anchor.place != anchor.former:
            report["moved"].append(entry | {"former": anchor.former._asdict()})
        else:
            report["kept"].append(entry)
    return report
