"""Keeping the records of claims written out, inside the transaction that changes them."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.driver_rows import DriverRows, write_driver_rows
from app.commands.parts import in_parts
from app.json_parts import as_text
from app.models import WrittenClaim
from app.models.written_claims import FORGOTTEN
from app.queries.records import claim_records


def keep_written(session: Session, bodies: Sequence[tuple[int, str]]) -> None:
    """These are the records of these claims now."""
    rows = DriverRows.of(session, WrittenClaim, ("claim_id", "body"))
    again = " ON CONFLICT (claim_id) DO UPDATE SET body = excluded.body"
    write_driver_rows(session, rows.statement + again, bodies)


def write_claims(session: Session, claim_ids: Iterable[int]) -> None:
    """Write the records of these claims of their rows."""
    for ids in in_parts(claim_ids):
        records = claim_records(session, ids)
        keep_written(session, [(id_, as_text(own)) for id_, own in records.items()])


def missing_of(session: Session, claim_ids: Collection[int]) -> Collection[int]:
    """Those of these claims whose record is not written, or was forgotten."""
    if not claim_ids:
        return ()
    is_own = WrittenClaim.claim_id.in_(claim_ids)
    written = session.scalars(
        select(WrittenClaim.claim_id).where(is_own, WrittenClaim.body.is_not(None)),
    )
    return set(claim_ids).difference(written)


def forgotten_claims(session: Session, *, after: int = 0, at_most: int) -> Sequence[int]:
    """Claims whose record has to be written anew, by id; after a migration it can be all."""
    found = select(WrittenClaim.claim_id).where(FORGOTTEN, WrittenClaim.claim_id > after)
    return session.scalars(found.order_by(WrittenClaim.claim_id).limit(at_most)).all()
