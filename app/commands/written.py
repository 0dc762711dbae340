"""Keeping the records of claims written out, inside the transaction that changes them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.driver_rows import DriverRows, write_driver_rows
from app.json_parts import written
from app.models import Claim, WrittenClaim
from app.models.written_claims import FORGOTTEN
from app.queries.records import claim_records

ROWS_AT_ONCE = 500


def as_written(record: Mapping[str, Any]) -> str:
    """As the answers have it, byte for byte."""
    return written(record).decode()


def keep_written(session: Session, bodies: Sequence[tuple[int, str]]) -> None:
    """These are the records of these claims now."""
    rows = DriverRows.of(session, WrittenClaim, ("claim_id", "body"))
    again = " ON CONFLICT (claim_id) DO UPDATE SET body = excluded.body"
    write_driver_rows(session, rows.statement + again, bodies)


def write_claims(session: Session, claim_ids: Iterable[int]) -> None:
    """Write the records of these claims of their rows."""
    ids = sorted(claim_ids)
    for first in range(0, len(ids), ROWS_AT_ONCE):
        records = claim_records(session, ids[first : first + ROWS_AT_ONCE])
        keep_written(session, [(id_, as_written(own)) for id_, own in records.items()])


def missing_of(session: Session, claim_ids: Collection[int]) -> Collection[int]:
    """Those of these claims whose record is not written, or was forgotten."""
    written_out = session.scalars(
        select(WrittenClaim.claim_id).where(
            WrittenClaim.claim_id.in_(claim_ids),
            WrittenClaim.body.is_not(None),
        ),
    )
    return set(claim_ids).difference(written_out)


def forgotten_claims(session: Session, at_most: int) -> Collection[int]:
    """Claims whose record has to be written anew."""
    return session.scalars(
        select(WrittenClaim.claim_id)
        .where(FORGOTTEN)
        .order_by(WrittenClaim.claim_id)
        .limit(at_most),
    ).all()


def unwritten_claims(session: Session, *, after: int = 0, at_most: int) -> Sequence[int]:
    """Claims whose record is not written: after a migration, or made by another program."""
    is_written = select(WrittenClaim.claim_id).where(
        WrittenClaim.claim_id == Claim.id,
        WrittenClaim.body.is_not(None),
    )
    missing = select(Claim.id).where(Claim.id > after, ~is_written.exists())
    return session.scalars(missing.order_by(Claim.id).limit(at_most)).all()
