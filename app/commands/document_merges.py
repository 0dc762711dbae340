"""Merging two records of one document: citations move where they are just as true."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.commands.citation_checks import held_texts
from app.commands.claim_rows import CITATION_FIELDS
from app.commands.document_edits import citing_error, lock_document, replacements_of, take_document
from app.commands.parts import in_parts
from app.commands.patches import refusal
from app.commands.search import index_claims
from app.commands.touched import RecordEdit, refresh_touched, renew_claims
from app.models import Citation, Document, Passage
from app.schemas.seed_checks import Fault
from app.vocabulary import DocumentStatus, Verification

# Two citations of one claim at one place are one citation, or a contradiction in the record.
PLACE = ("passage_id", "start", "end", "locator")


class _Target(NamedTuple):
    passages: Sequence[Passage]
    text: str | None
    has_same_text: bool

    def counterpart(self, passage: Passage) -> Passage | None:
        """The passage of the same key, or else of the same span."""
        span = (passage.start, passage.end)
        by_key = [own for own in self.passages if own.key == passage.key]
        by_span = [own for own in self.passages if (own.start, own.end) == span]
        return next(iter(by_key + by_span), None)

    def verification(self, citation: Citation, passage: Passage) -> Verification | None:
        """What the citation is worth here; None where it would not be true."""
        if citation.quote is None or citation.start is None or citation.end is None:
            return citation.verification
        if citation.verification is Verification.orphaned and self.has_same_text:
            return citation.verification
        if not passage.start <= citation.start < citation.end <= passage.end:
            return None
        if self.text is not None:
            stands = self.text[citation.start : citation.end] == citation.quote
            return Verification.verified if stands else None
        return citation.verification if self.has_same_text else None


def merge_document(
    session: Session,
    draft: ChangeDraft,
    edit: RecordEdit,
    target_id: int,
) -> None:
    """Move all citations of a document to another one; its address leads there from now on.

    Raises InvalidRequestError for a target that cannot be one, ConflictingStateError naming
    the citations that would not be true there.
    """
    slugs = lock_document(session, edit.record_id, target_id)
    row = take_document(session, edit)
    target = _target(session, row, target_id)
    passages = {passage.id: passage for passage in row.passages}
    citations = session.scalars(
        select(Citation)
        .where(Citation.passage_id.in_(passages))
        .order_by(Citation.id)
        .execution_options(populate_existing=True),
    ).all()
    lost = []
    for citation in citations:
        counterpart = target.counterpart(passages[citation.passage_id])
        worth = target.verification(citation, counterpart) if counterpart else None
        if counterpart is None or worth is None:
            lost.append((citation.id, citation.claim_id))
        else:
            citation.passage_id, citation.verification = counterpart.id, worth
    if lost:
        raise citing_error(
            "Citations have no counterpart in the other document: no passage of the same key "
            "or span, or other words there.",
            lost,
        )
    claims = {citation.claim_id for citation in citations}
    session.flush()
    _collapse(session, claims)
    row.merged, row.replaced_by_id = True, target_id
    row.status = DocumentStatus.superseded
    note_event(session, draft, "document", row, "merged")
    renew_claims(session, draft, claims, "updated")
    index_claims(session, claims)
    refresh_touched(session, draft, slugs, edit.vocabulary, claims)


def _target(session: Session, row: Document, target_id: int) -> _Target:
    target = session.scalar(
        select(Document).where(Document.id == target_id).execution_options(populate_existing=True),
    )
    if target is None or target.merged:
        fault = "there is no such document, or it was merged into another"
        raise refusal([Fault("/into", fault)])
    if row.id in replacements_of(session, target_id):
        raise refusal([Fault("/into", "the document would replace itself")])
    passages = session.scalars(
        select(Passage).where(Passage.document_id == target_id).order_by(Passage.position),
    ).all()
    digest = target.sha256
    texts = held_texts(session, {digest} if digest and target.text_held else set())
    same = digest is not None and digest == row.sha256
    return _Target(passages, texts.get(digest or ""), same)


def _collapse(session: Session, claim_ids: Iterable[int]) -> None:
    """Make identical citations of a claim one. Raises ConflictingStateError where two stand at
    one place and are read differently."""
    unlike: list[tuple[int, int]] = []
    for part in in_parts(claim_ids):
        known: dict[tuple[object, ...], Citation] = {}
        positions = Counter[int]()
        for citation in session.scalars(
            select(Citation)
            .where(Citation.claim_id.in_(part))
            .order_by(Citation.claim_id, Citation.position),
        ):
            place = (citation.claim_id, *(getattr(citation, name) for name in PLACE))
            former = known.setdefault(place, citation)
            if former is citation:
                positions[citation.claim_id] += 1
                citation.position = positions[citation.claim_id]
            elif _reading(former) == _reading(citation):
                session.delete(citation)
            else:
                unlike += [(one.id, one.claim_id) for one in (former, citation)]
    if unlike:
        raise citing_error(
            "Citations of one claim would stand at one place and be read differently: "
            "make them equal first.",
            unlike,
        )
    session.flush()


def _reading(citation: Citation) -> tuple[object, ...]:
    return tuple(getattr(citation, name) for name in CITATION_FIELDS)
