"""Keeping the records of claims written out, inside the transaction that changes them."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.commands.driver_rows import DriverRows, write_driver_rows
from app.commands.parts import in_parts
from app.json_parts import as_text
from app.models import WrittenClaim
from app.models.written_claims import FORGOTTEN
from app.queries.records import Record, claim_records

# Of the table, not of its class: no object of the session is looked for.
_WRITTEN = WrittenClaim.__table__.c
_FORGOTTEN = (
    select(_WRITTEN.claim_id)
    .where(FORGOTTEN, _WRITTEN.claim_id > bindparam("after"))
    .order_by(_WRITTEN.claim_id)
    .limit(bindparam("at_most"))
)


def keep_written(session: Session, bodies: Sequence[tuple[int, str]]) -> None:
    """These are the records of these claims now."""
    rows = DriverRows.of(session, WrittenClaim, ("claim_id", "body"))
    again = " ON CONFLICT (claim_id) DO UPDATE SET body = excluded.body"
    write_driver_rows(session, rows.statement + again, bodies)


def keep_records(session: Session, records: Mapping[int, Record]) -> None:
    """The same, of the records. Whoever takes the snapshots of claims for a change keeps them;
    what the change alters behind that is forgotten, and written at its end."""
    keep_written(session, [(id_, as_text(own)) for id_, own in records.items()])


def write_claims(session: Session, claim_ids: Iterable[int]) -> None:
    """Write the records of these claims of their rows."""
    for ids in in_parts(claim_ids):
        keep_records(session, claim_records(session, ids))


def forgotten_claims(session: Session, *, after: int = 0, at_most: int) -> Sequence[int]:
    """Claims whose record has to be written anew, by id; after a migration it can be all."""
    return session.execute(_FORGOTTEN, {"after": after, "at_most": at_most}).scalars().all()
