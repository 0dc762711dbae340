"""Creating and changing documents. What cites them is found, locked and recomputed."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from app.commands.changes import ChangeDraft, note_event
from app.commands.patches import exists_already, patched, refusal, refuse_faults
from app.commands.touched import RecordEdit, lock_touched, refresh_touched
from app.commands.versions import take_version
from app.errors import ConflictingStateError, NotFoundError
from app.identifiers import Prefix, number_of, public_id
from app.models import Citation, Claim, Document, DocumentText, Passage
from app.models.base import utc_now
from app.queries.records import Record, document_records
from app.schemas.document_edits import DocumentIn, StatusIn
from app.schemas.seed import DocumentContent, PassageSeed
from app.schemas.seed_checks import Fault, document_faults
from app.vocabulary import DocumentStatus, Verification

MAX_NAMED = 20
STATUS_ACTIONS = {
    DocumentStatus.active: "restored",
    DocumentStatus.superseded: "superseded",
    DocumentStatus.retracted: "retracted",
}


def create_document(session: Session, draft: ChangeDraft, body: DocumentIn) -> int:
    """A new document with its passages; its id.

    Raises InvalidRequestError with the places that are wrong, ConflictingStateError where the
    key is another document's.
    """
    # As JSON: a day is taken as it is written, not as a date.
    sent = body.model_dump(mode="json", exclude={"text", "reason"})
    content = DocumentContent.model_validate(sent)
    if body.text is not None:
        content = with_text(content, body.text)
    refuse_faults(document_faults("", content))
    now = utc_now()
    row = Document(key=content.key, version=1, created_at=now, updated_at=now, passages=[])
    fill_document(row, content)
    if body.text is not None:
        row.text_held = True
        keep_text(session, body.text)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        known = session.scalar(select(Document.id).where(Document.key == content.key))
        raise exists_already("document", Prefix.document, known, "/documents") from error
    note_event(session, draft, "document", row, "created")
    return row.id


def edit_document(
    session: Session,
    draft: ChangeDraft,
    edit: RecordEdit,
    patch: dict[str, Any],
) -> None:
    """Make the document what the merge patch says. What is cited in it stays in its place."""
    slugs = lock_document(session, edit.record_id)
    row = take_document(session, edit)
    record = document_records(session, [row.id])[row.id]
    content = patched(DocumentContent, content_of(record), patch)
    refuse_faults(document_faults("", content))
    if (content.sha256, content.length) != (row.sha256, row.length):
        _refuse_another_text(session, row)
    refuse_lost_citations(session, row.id, content.passages)
    fill_document(row, content)
    note_event(session, draft, "document", row, "updated")
    if "passages" in patch:
        claims = claims_citing(session, row.id)
        refresh_touched(session, draft, slugs, edit.vocabulary, claims)


def change_document_status(
    session: Session,
    draft: ChangeDraft,
    edit: RecordEdit,
    body: StatusIn,
) -> None:
    """Take the document's citations out of the computation everywhere, or put them back."""
    slugs = lock_document(session, edit.record_id)
    row = take_document(session, edit)
    replaced_by = None
    if body.replaced_by is not None:
        replaced_by = _replacement(session, row, body.status, body.replaced_by)
    if (row.status, row.replaced_by_id) == (body.status, replaced_by):
        raise ConflictingStateError(f"The document is {body.status} already.")
    row.status, row.replaced_by_id = body.status, replaced_by
    note_event(session, draft, "document", row, STATUS_ACTIONS[body.status])
    refresh_touched(session, draft, slugs, edit.vocabulary, claims_citing(session, row.id))


def delete_document(session: Session, draft: ChangeDraft, edit: RecordEdit) -> None:
    """Retract a document that nothing cites. Its row, its text and its past stay."""
    lock_document(session, edit.record_id)
    row = take_document(session, edit)
    cited = citations_of(session, Passage.document_id == row.id)
    if cited:
        raise citing_error("The document is cited; change its status instead.", cited)
    if row.status is DocumentStatus.retracted:
        raise ConflictingStateError("The document is retracted already.")
    row.status = DocumentStatus.retracted
    note_event(session, draft, "document", row, "retracted")


def lock_document(session: Session, *document_ids: int) -> dict[int, str]:
    """Lock the conditions whose claims cite these documents, then the documents: slugs by id.

    The lock of a passage keeps others from citing it, as a citation refers to it.
    """

    def touched() -> Sequence[int]:
        return session.scalars(
            select(Claim.condition_id)
            .join(Citation, Citation.claim_id == Claim.id)
            .join(Passage, Passage.id == Citation.passage_id)
            .where(Passage.document_id.in_(document_ids))
            .distinct(),
        ).all()

    def lock() -> None:
        for column, key in ((Document.id, Document.id), (Passage.id, Passage.document_id)):
            session.execute(
                select(column).where(key.in_(document_ids)).order_by(column).with_for_update(),
            )

    return lock_touched(session, touched, lock)


def take_document(session: Session, edit: RecordEdit) -> Document:
    """The next version of a locked document, with its passages.

    Raises NotFoundError, StaleError, and ConflictingStateError for one that was merged.
    """
    known = session.scalar(select(exists().where(Document.id == edit.record_id)))
    if not known:
        raise NotFoundError("There is no document of this id.")
    take_version(session, "document", Document, edit.record_id, edit.version)
    row = session.scalars(
        select(Document)
        .where(Document.id == edit.record_id)
        .options(selectinload(Document.passages))
        .execution_options(populate_existing=True),
    ).one()
    if row.merged:
        target = public_id(Prefix.document, row.replaced_by_id or 0)
        raise ConflictingStateError(f"The document was merged into {target}: change that one.")
    return row


def fill_document(row: Document, content: DocumentContent) -> None:
    """Make the row say it. Passages keep their ids by their keys."""
    fields = content.model_dump(exclude={"passages", "uncited"})
    for name, value in fields.items():
        setattr(row, name, value)
    row.uncited = [span.model_dump() for span in content.uncited]
    former = {passage.key: passage for passage in row.passages}
    row.passages = [former.get(part.key) or Passage() for part in content.passages]
    for position, (passage, part) in enumerate(
        zip(row.passages, content.passages, strict=True), start=1
    ):
        passage.position = position
        for name, value in part.model_dump().items():
            setattr(passage, name, value)


def content_of(record: Record) -> dict[str, Any]:
    """The body that would make the document what its record says."""
    content = {name: record[name] for name in DocumentContent.model_fields}
    content["passages"] = [
        {name: passage[name] for name in PassageSeed.model_fields} for passage in record["passages"]
    ]
    return content


def with_text(content: DocumentContent, text: str) -> DocumentContent:
    """With the digest and length of the text. Raises InvalidRequestError if others were given."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    refuse_faults(
        Fault(f"/{name}", f"the text has another one: {own}")
        for name, own in (("sha256", digest), ("length", len(text)))
        if getattr(content, name) not in {None, own}
    )
    return content.model_copy(update={"sha256": digest, "length": len(text)})


def keep_text(session: Session, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = select(exists().where(DocumentText.sha256 == digest))
    if session.scalar(known):
        return
    try:
        with session.begin_nested():
            session.add(DocumentText(sha256=digest, text=text))
            session.flush()
    except IntegrityError:  # another document with this text came at the same time
        return


def citations_of(session: Session, where: Any) -> list[tuple[int, int]]:
    """Ids of citations and of their claims."""
    rows = session.execute(
        select(Citation.id, Citation.claim_id)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(where)
        .order_by(Citation.id),
    )
    return [(citation, claim) for citation, claim in rows]


def citing_error(detail: str, cited: Collection[tuple[int, int]]) -> ConflictingStateError:
    """A refusal that names the citations in the way: the first twenty, and how many there are."""
    named = [
        {
            "citation": public_id(Prefix.citation, citation),
            "claim": public_id(Prefix.claim, claim),
        }
        for citation, claim in list(cited)[:MAX_NAMED]
    ]
    return ConflictingStateError(detail, citations=named, citations_total=len(cited))


def refuse_lost_citations(
    session: Session, document_id: int, passages: Sequence[PassageSeed]
) -> None:
    """Raises ConflictingStateError if a citation's passage would be gone, or not hold it."""
    spans = {passage.key: passage for passage in passages}
    rows = session.execute(
        select(Citation, Passage.key)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(Passage.document_id == document_id)
        .order_by(Citation.id),
    )
    lost = [
        (citation.id, citation.claim_id)
        for citation, key in rows
        if key not in spans or not holds(spans[key], citation)
    ]
    if lost:
        raise citing_error("A passage that is cited cannot be taken from its citations.", lost)


def holds(passage: PassageSeed | Passage, citation: Citation) -> bool:
    """Whether the span lies in the passage. An orphaned one is of a text that is gone."""
    if citation.start is None or citation.verification is Verification.orphaned:
        return True
    return passage.start <= citation.start and (citation.end or 0) <= passage.end


def _refuse_another_text(session: Session, row: Document) -> None:
    compared = citations_of(
        session,
        (Passage.document_id == row.id) & (Citation.verification == Verification.verified),
    )
    if row.text_held or compared:
        raise citing_error(
            "Citations were compared with the text of this digest and length: "
            "replace the text instead.",
            compared,
        )


def _replacement(session: Session, row: Document, status: DocumentStatus, name: str) -> int:
    """The id of the document that replaces this one. Raises InvalidRequestError."""
    found = number_of(Prefix.document, name)
    if status is DocumentStatus.active:
        raise refusal([Fault("/replaced_by", "a document that is active has no replacement")])
    if session.scalar(select(Document.merged).where(Document.id == found)) is not False:
        fault = "there is no such document, or it was merged into another"
        raise refusal([Fault("/replaced_by", fault)])
    if row.id in replacements_of(session, found):
        raise refusal([Fault("/replaced_by", "the document would replace itself")])
    return found


def claims_citing(session: Session, document_id: int) -> Collection[int]:
    return session.scalars(
        select(Citation.claim_id)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(Passage.document_id == document_id)
        .distinct(),
    ).all()


def replacements_of(session: Session, document_id: int) -> list[int]:
    """The document, what replaced it, what replaced that, and so on."""
    found: list[int] = []
    ahead: int | None = document_id
    while ahead is not None and ahead not in found:
        found.append(ahead)
        ahead = session.scalar(select(Document.replaced_by_id).where(Document.id == ahead))
    return found
