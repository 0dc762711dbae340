"""Claims that were public and were withdrawn: when, why, and what is left of them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import WithdrawnError
from app.identifiers import Prefix, number_of
from app.models import Change, Claim, Revision
from app.queries.records import Record, stamp
from app.vocabulary import ClaimStatus


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """``record`` says when, why, and what replaces it; ``versions`` were public."""

    record: Record
    versions: list[int]


def find_withdrawal(session: Session, number: int) -> Withdrawal | None:
    """How a claim was withdrawn; None for one that is not."""
    snapshot = Revision.snapshot
    rows = session.execute(
        select(
            Revision.version,
            snapshot["status"].as_string().label("status"),
            snapshot["replaced_by"].as_string().label("replaced_by"),
            Change.at,
            Change.reason,
        )
        .join(Change, Change.number == Revision.change)
        .where(Revision.record_type == "claim", Revision.record_id == number)
        .order_by(Revision.version.desc()),
    ).all()
    if not rows or rows[0].status != ClaimStatus.retracted:
        return None
    first = next(
        (place for place, row in enumerate(rows) if row.status != ClaimStatus.retracted),
        len(rows),
    )
    since = rows[first - 1]
    return Withdrawal(
        {
            "at": stamp(since.at),
            "reason": since.reason,
            "replaced_by": rows[0].replaced_by,
        },
        sorted(row.version for row in rows if row.status == ClaimStatus.published),
    )


def withdrawal_record(session: Session, id_: str) -> Record | None:
    """What marks the claim ``CLM42`` of the past where it is withdrawn today."""
    number = number_of(Prefix.claim, id_)
    status = session.scalar(select(Claim.status).where(Claim.id == number))
    found = find_withdrawal(session, number) if status is ClaimStatus.retracted else None
    return found.record if found else None


def withdrawn(text: str, withdrawal: Withdrawal) -> WithdrawnError:
    """The tombstone of the claim called ``text``."""
    record = withdrawal.record
    replaced = f" It is replaced by {record['replaced_by']}." if record["replaced_by"] else ""
    return WithdrawnError(
        f"{text} was withdrawn.{replaced} `versions` has it as it was.",
        withdrawn_at=record["at"],
        reason=record["reason"],
        replaced_by=record["replaced_by"],
        versions=[f"/claims/{text}.{version}" for version in withdrawal.versions],
    )
