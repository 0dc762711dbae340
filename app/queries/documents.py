"""Reading documents and their passages."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id
from app.models import Citation, Claim, Document, DocumentText, Passage
from app.queries.moments import Moment, records_at, records_naming
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, document_records
from app.queries.view import visible_claims
from app.vocabulary import ClaimStatus

# What snapshots of earlier releases have not.
LATER_FIELDS: Record = {"text_held": False, "replaced_by": None, "merged": False}


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


def get_document_at(session: Session, moment: Moment, text: str) -> Record:
    """The document as it stood, with the citations of the claims that were public then."""
    parsed = parse_id(Prefix.document, text)
    records = {}
    if parsed and parsed[1] is None:
        records = records_at(session, moment, "document", [parsed[0]])
    if not parsed or not records:
        raise NotFoundError(f"There was no document of this id at change {moment.number}.")
    record = LATER_FIELDS | records[parsed[0]]
    counts = Counter(
        citation["passage"]["id"]
        for claim in records_naming(session, moment, "claim", record["id"])
        if claim["status"] == ClaimStatus.published
        for citation in claim["citations"]
        if citation["document"]["id"] == record["id"]
    )
    passages = [part | {"citations": counts[part["id"]]} for part in record["passages"]]
    return record | {"passages": passages}


def list_documents(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
) -> Page:
    """A page of documents by id, without merged ones; their passages are only counted."""
    listing = Listing("/documents", filters, Document.id, (Order(Document.id),))
    found = read_slice(session, listing, [~Document.merged], at)
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
