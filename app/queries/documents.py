"""Reading documents and their passages."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id
from app.models import Citation, Claim, Document, DocumentText, Passage
from app.queries.filters import visible_claims
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, document_records


def get_document(session: Session, text: str) -> Record:
    """The document called ``DOC1``, with passages and how many citations each has."""
    parsed = parse_id(Prefix.document, text)
    records = document_records(session, [parsed[0]]) if parsed and parsed[1] is None else {}
    if not parsed or not records:
        raise NotFoundError("There is no document of this id.")
    record = records[parsed[0]]
    counts = dict(
        session.execute(
            select(Passage.key, func.count())
            .join(Citation, Citation.passage_id == Passage.id)
            .join(Claim, Claim.id == Citation.claim_id)
            .where(visible_claims(), Passage.document_id == parsed[0])
            .group_by(Passage.key),
        ).all(),
    )
    for passage in record["passages"]:
        passage["citations"] = counts.get(passage["key"], 0)
    return record


def list_documents(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
) -> Page:
    """A page of documents by id; their passages are only counted."""
    listing = Listing("/documents", filters, Document.id, (Order(Document.id),))
    found = read_slice(session, listing, [], at)
    records = document_records(session, found.ids)
    for record in records.values():
        record["passages"] = len(record["passages"])
        del record["uncited"]
    return Page.of(found, [records[id_] for id_ in found.ids], at, filters)


def get_held_text(session: Session, document_id: int) -> tuple[str, str]:
    """Digest and text of a document. Raises NotFoundError where none is held."""
    row = session.execute(
        select(DocumentText.sha256, DocumentText.text)
        .join(Document, Document.sha256 == DocumentText.sha256)
        .where(Document.id == document_id, Document.text_held),
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no document of this id, or its text is not held.")
    return row.sha256, row.text
