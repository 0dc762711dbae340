"""Reading claims: one, a version of one, a page of many."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, number_of, parse_id, public_id
from app.models import Claim, Conflict, ConflictClaim, Revision
from app.queries.conflicts import BRIEF, conflict_briefs
from app.queries.records import Record, claim_rows
from app.queries.view import EVERYTHING, View
from app.queries.withdrawals import find_withdrawal, withdrawal_record, withdrawn
from app.vocabulary import ClaimStatus, Severity

CLAIM_RECORD = "claim"
RETRACTED = ClaimStatus.retracted
PUBLIC_ONCE = {ClaimStatus.published, RETRACTED}
# What snapshots of earlier releases have not.
LATER_FIELDS: Record = {"replaced_by": None, "merged": False}


class Moved(NamedTuple):
    """The record was merged into the one called ``to``."""

    to: str


def get_claim(session: Session, text: str, *, signed_in: bool = False) -> Record | Moved:
    """The claim called ``CLM42``, with its open conflicts and all their sides.

    Who is signed in may read one that is not published, too. Raises NotFoundError, and
    WithdrawnError with a tombstone.
    """
    number = _claim_number(text)
    row = session.execute(
        select(Claim.status, Claim.merged, Claim.replaced_by_id).where(Claim.id == number),
    ).first()
    was_public = row is not None and row.status in PUBLIC_ONCE
    if row is None or not (was_public or signed_in):
        raise NotFoundError("There is no claim of this id.")
    if row.merged:
        return Moved(public_id(Prefix.claim, row.replaced_by_id))
    withdrawal = find_withdrawal(session, number) if row.status is RETRACTED else None
    if row.status is RETRACTED and not signed_in:
        if withdrawal is None or not withdrawal.versions:
            raise NotFoundError("There is no claim of this id.")
        raise withdrawn(text, withdrawal)
    [claim] = claim_bodies(session, [number])
    return claim | {
        "included": included_conflicts(session, [claim]),
        "withdrawn": withdrawal.record if withdrawal else None,
    }


def get_claim_version(session: Session, text: str, *, signed_in: bool = False) -> Record:
    """Version 3 of a claim, ``CLM42.3``, as it was; public if it was current and published."""
    parsed = parse_id(Prefix.claim, text)
    snapshot: Record | None = parsed and session.scalar(
        select(Revision.snapshot).where(
            Revision.record_type == CLAIM_RECORD,
            Revision.record_id == parsed[0],
            Revision.version == parsed[1],
        ),
    )
    is_public = snapshot is not None and snapshot["status"] == ClaimStatus.published
    if parsed is None or snapshot is None or not (is_public or signed_in):
        raise NotFoundError("There is no public version of this id.")
    return LATER_FIELDS | snapshot | {"withdrawn": withdrawal_record(session, snapshot["id"])}


def claim_bodies(
    session: Session,
    ids: Sequence[int],
    view: View = EVERYTHING,
) -> list[Record]:
    """Claims as they are answered, in the order of ``ids``: records with what is computed."""
    rows = claim_rows(session, ids)
    if view.excludes:
        return [_seen_through(view, id_, rows[id_][1]) for id_ in ids]
    conflicts = _conflict_refs(session, ids)
    return [
        record
        | {
            "conflict": row.conflict,
            "severity": row.severity.value,
            "conflicts": conflicts.get(id_, []),
            "passage_count": row.passage_count,
            "document_count": row.document_count,
            "highlights": None,
        }
        for id_ in ids
        for row, record in (rows[id_],)
    ]


def _seen_through(view: View, id_: int, record: Record) -> Record:
    """A claim without its citations from sources that are left out."""
    out = {public_id(Prefix.passage, passage) for passage in view.excluded_passages}
    severity = view.severities.get(id_, Severity.none)
    passages, documents = view.counts[id_]
    return record | {
        "citations": [c for c in record["citations"] if c["passage"]["id"] not in out],
        "conflict": severity.is_conflict,
        "severity": severity.value,
        "conflicts": view.conflict_refs.get(id_, []),
        "passage_count": passages,
        "document_count": documents,
        "highlights": None,
    }


_CONFLICTS = (
    select(ConflictClaim.claim_id, ConflictClaim.severity, Conflict.id, Conflict.kind)
    .join(Conflict, Conflict.id == ConflictClaim.conflict_id)
    .where(ConflictClaim.claim_id.in_(bindparam("ids", expanding=True)), Conflict.status == "open")
    .order_by(ConflictClaim.claim_id, Conflict.id)
    .distinct()
)


def _conflict_refs(session: Session, claim_ids: Sequence[int]) -> dict[int, list[Record]]:
    rows = session.execute(_CONFLICTS, {"ids": list(claim_ids)})
    found: dict[int, dict[int, Record]] = {}
    for claim_id, severity, conflict_id, kind in rows:
        found.setdefault(claim_id, {})[conflict_id] = {
            "id": public_id(Prefix.conflict, conflict_id),
            "kind": kind,
            "severity": severity.value,
        }
    return {claim_id: list(refs.values()) for claim_id, refs in found.items()}


def included_conflicts(
    session: Session,
    claims: Sequence[Record],
    view: View = EVERYTHING,
) -> Record:
    """Who reads one side is given the others: the conflicts of these claims, in full."""
    ids = {ref["id"] for claim in claims for ref in claim["conflicts"]}
    if view.excludes:
        kept = (conflict for conflict in view.conflicts.values() if conflict["id"] in ids)
        return {"conflicts": [{part: conflict[part] for part in BRIEF} for conflict in kept]}
    numbers = sorted(number_of(Prefix.conflict, id_) for id_ in ids)
    return {"conflicts": conflict_briefs(session, numbers)}


def _claim_number(text: str) -> int:
    parsed = parse_id(Prefix.claim, text)
    if parsed is None or parsed[1] is not None:
        raise NotFoundError("There is no claim of this id.")
    return parsed[0]
