"""Bulk imports that were applied, with their reports."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id, public_id
from app.models import Import
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.records import Record, stamp


def get_import(session: Session, text: str) -> Record:
    parsed = parse_id(Prefix.import_, text)
    row = session.get(Import, parsed[0]) if parsed and parsed[1] is None else None
    if row is None:
        raise NotFoundError("There is no import of this id.")
    return import_record(row)


def list_imports(session: Session, at: PageAt) -> Page:
    """A page of imports, the last one first."""
    listing = Listing("/imports", {}, Import.id, (Order(Import.id, descending=True),))
    found = read_slice(session, listing, [], at)
    rows = {row.id: row for row in session.scalars(select(Import).where(Import.id.in_(found.ids)))}
    return Page.of(found, [import_record(rows[id_]) for id_ in found.ids], at, {})


def import_record(row: Import) -> Record:
    return {
        "id": public_id(Prefix.import_, row.id),
        "account": row.account,
        "digest": row.digest,
        "created_at": stamp(row.created_at),
        **row.report,
    }
