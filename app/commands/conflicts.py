"""Keeping the stored conflicts of a condition equal to what the rules say of its claims."""

from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.conflicts.decisions import STALE
from app.models import Claim, Conflict, ConflictClaim
from app.models.base import utc_now
from app.queries.computed import CLOSED, OPEN, ComputedConflict, compute_rows
from app.queries.conflicts import conflict_records
from app.vocabulary import Severity, Vocabulary

# What the actions of its events do to a conflict.
EFFECTS = {
    "conflict.opened": "opened",
    "conflict.changed": "changed",
    "conflict.decided": "changed",
    "decision.stale": "stale",
    "conflict.closed": "closed",
}


def refresh_conflicts(
    session: Session,
    draft: ChangeDraft,
    condition_id: int,
    condition_slug: str,
    vocabulary: Vocabulary,
    *,
    decided: int | None = None,
) -> None:
    """Recompute a condition within the transaction of the change that touches it.

    The caller holds the lock of the condition. What did not change gets no revision.
    ``decided`` is the id of a conflict whose next version the caller has taken already.
    """
    session.flush()
    computed, severities = compute_rows(session, condition_id, condition_slug, vocabulary)
    stored = {
        row.key: row
        for row in session.scalars(select(Conflict).where(Conflict.condition_id == condition_id))
    }
    changed: list[tuple[Conflict, str]] = []
    for key, wanted in computed.items():
        row = stored.get(key)
        if row is None:
            row = Conflict(key=key, condition_id=condition_id, created_at=utc_now(), version=0)
            session.add(row)
            action = "conflict.opened"
        elif row.status == CLOSED:
            action = "conflict.opened"
        elif row.id == decided:
            action = "conflict.decided"
            row.version -= 1
        elif all(getattr(row, name) == value for name, value in wanted.columns.items()):
            continue
        elif wanted.columns["decision_status"] == STALE != row.decision_status:
            action = "decision.stale"
        else:
            action = "conflict.changed"
        _write(row, wanted.columns)
        changed.append((row, action))
    for key, row in stored.items():
        if key not in computed and row.status == OPEN:
            row.version -= row.id == decided
            _write(row, {"status": CLOSED})
            changed.append((row, "conflict.closed"))
    session.flush()
    opened = [row for row, _ in changed if row.key not in stored]
    _write_claims_of(session, [*stored.values(), *opened], computed)
    _write_flags(session, condition_id, severities)
    _record(session, draft, changed)


def _write(row: Conflict, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = utc_now()


def _write_claims_of(
    session: Session,
    rows: list[Conflict],
    computed: dict[str, ComputedConflict],
) -> None:
    """Make the claims of these conflicts what was computed.

    They can change where their conflict does not: it keeps its severity when one of several
    claims on a side is held less firmly.
    """
    wanted = {
        row.id: set(computed[row.key].claims) if row.status == OPEN else set() for row in rows
    }
    stored: dict[int, set[tuple[int, int, Severity]]] = {id_: set() for id_ in wanted}
    for id_, claim, side, severity in session.execute(
        select(
            ConflictClaim.conflict_id,
            ConflictClaim.claim_id,
            ConflictClaim.side,
            ConflictClaim.severity,
        ).where(ConflictClaim.conflict_id.in_(wanted)),
    ):
        stored[id_].add((claim, side, severity))
    differing = [id_ for id_ in wanted if wanted[id_] != stored[id_]]
    session.execute(delete(ConflictClaim).where(ConflictClaim.conflict_id.in_(differing)))
    members = [
        {"conflict_id": id_, "claim_id": claim, "side": side, "severity": severity}
        for id_ in differing
        for claim, side, severity in sorted(wanted[id_])
    ]
    if members:
        session.execute(insert(ConflictClaim), members)


def _write_flags(session: Session, condition_id: int, severities: dict[int, Severity]) -> None:
    """Flags are computed, not said: they change without a new version of the claim."""
    stored = session.execute(
        select(Claim.id, Claim.severity).where(Claim.condition_id == condition_id),
    )
    changed = [
        {"id": id_, "severity": wanted, "conflict": wanted.is_conflict}
        for id_, severity in stored
        if severity is not (wanted := severities.get(id_, Severity.none))
    ]
    if changed:
        session.execute(update(Claim), changed)


def _record(session: Session, draft: ChangeDraft, changed: list[tuple[Conflict, str]]) -> None:
    records = conflict_records(session, [row.id for row, _ in changed])
    for row, action in changed:
        draft.events.append(
            Event("conflict", row.id, row.version, action, records[row.id], row.condition_id),
        )
