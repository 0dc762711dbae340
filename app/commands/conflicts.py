"""Keeping the stored conflicts of a condition equal to what the rules say of its claims."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.commands.parts import in_parts
from app.conflicts.decisions import STALE
from app.models import Claim, Conflict, ConflictClaim
from app.models.base import utc_now
from app.queries.computed import (
    CLOSED,
    OPEN,
    Comparison,
    ComputedConflict,
    Touched,
    compare_all,
    compare_touched,
)
from app.queries.conflicts import conflict_records
from app.queries.prepared import Prepared
from app.queries.records import AnyRow
from app.vocabulary import Severity, Vocabulary

# What the actions of its events do to a conflict.
EFFECTS = {
    "conflict.opened": "opened",
    "conflict.changed": "changed",
    "conflict.decided": "changed",
    "decision.stale": "stale",
    "conflict.closed": "closed",
}
# The columns that tell which claims a conflict holds, and at which severity.
HOLDING = {"rule", "body", "decision", "decision_status", "status"}
Member = tuple[int, int, Severity]  # claim, side, severity

# Of tables, not of their classes: no object of the session is looked for.
_conflicts: Any = Conflict.__table__
_claims: Any = Claim.__table__
_members: Any = ConflictClaim.__table__
_UPDATE_CONFLICT = Prepared(update(_conflicts).where(_conflicts.c.id == bindparam("row_id")))
_UPDATE_FLAG = update(_claims).where(_claims.c.id == bindparam("row_id"))
_MEMBERS = Prepared(
    select(*_members.c).where(_members.c.conflict_id.in_(bindparam("ids", expanding=True))),
)
_DELETE_MEMBERS = delete(_members).where(
    _members.c.conflict_id.in_(bindparam("ids", expanding=True)),
)
_FLAGS = select(_claims.c.id, _claims.c.severity, _members.c.severity.label("held")).outerjoin(
    _members,
    _members.c.claim_id == _claims.c.id,
)
_FLAGS_OF_CONDITION = _FLAGS.where(_claims.c.condition_id == bindparam("condition"))
_FLAGS_OF_CLAIMS = Prepared(_FLAGS.where(_claims.c.id.in_(bindparam("ids", expanding=True))))


def refresh_conflicts(
    session: Session,
    draft: ChangeDraft,
    condition_id: int,
    condition_slug: str,
    vocabulary: Vocabulary,
    *,
    touched: Touched | None = None,
    decided: int | None = None,
) -> None:
    """Recompute a condition within the transaction of the change that touches it.

    The caller holds the lock of the condition. What did not change gets no revision. With
    ``touched`` only what a change of these claims can reach is looked at, since all else is
    as it was. ``decided`` is the id of a conflict whose next version the caller has taken.
    """
    session.flush()
    if touched is None:
        compared = compare_all(session, condition_id, condition_slug, vocabulary)
    else:
        compared = compare_touched(session, condition_id, condition_slug, touched, vocabulary)
    written = _write_rows(session, condition_id, compared, decided)
    members = {written.ids[key]: set(one.claims) for key, one in compared.computed.items()}
    looked_at = written.ids.values() if touched is None else written.moving
    moved = _write_members(session, {id_: members.get(id_, set()) for id_ in looked_at})
    if touched is None:
        flags = session.execute(_FLAGS_OF_CONDITION, {"condition": condition_id})
        _write_flags(session, flags)
    elif written.moving:  # otherwise no flag can change
        for batch in in_parts({*touched.claims, *moved}):
            _write_flags(session, _FLAGS_OF_CLAIMS.all(session, {"ids": batch}))
    _record(session, draft, condition_id, written.changed)


@dataclass(slots=True)
class _Written:
    """Conflicts with their ids by key, what became of some, and those among them that may hold
    other claims now, or hold them otherwise."""

    ids: dict[str, int]
    changed: list[tuple[int, str]] = field(default_factory=list)
    moving: list[int] = field(default_factory=list)

    def note(self, conflict_id: int, action: str, *, moving: bool = True) -> None:
        self.changed.append((conflict_id, action))
        if moving:
            self.moving.append(conflict_id)


def _write_rows(
    session: Session, condition_id: int, compared: Comparison, decided: int | None
) -> _Written:
    now = utc_now()
    written = _Written({key: row.id for key, row in compared.stored.items()})
    for key, wanted in compared.computed.items():
        row = compared.stored.get(key)
        if row is None:
            times = {"created_at": now, "updated_at": now}
            new = {"key": key, "condition_id": condition_id, "version": 1, **times}
            inserted: Any = session.execute(insert(_conflicts), {**wanted.columns, **new})
            written.ids[key] = inserted.inserted_primary_key.id
            written.note(written.ids[key], "conflict.opened")
        elif action := _action(row, wanted, decided):
            columns = _differing(row, wanted)
            _write(session, row, columns, decided)
            is_moving = row.id == decided or not HOLDING.isdisjoint(columns)
            written.note(row.id, action, moving=is_moving)
    for key, row in compared.stored.items():
        if key not in compared.computed and row.status == OPEN:
            _write(session, row, {"status": CLOSED}, decided)
            written.note(row.id, "conflict.closed")
    return written


def _action(row: AnyRow, wanted: ComputedConflict, decided: int | None) -> str | None:
    """What becomes of a conflict that was there; None if it is what it has to be."""
    if row.status == CLOSED:
        return "conflict.opened"
    if row.id == decided:
        return "conflict.decided"
    if not _differing(row, wanted):
        return None
    if wanted.columns["decision_status"] == STALE != row.decision_status:
        return "decision.stale"
    return "conflict.changed"


def _differing(row: AnyRow, wanted: ComputedConflict) -> dict[str, Any]:
    return {name: own for name, own in wanted.columns.items() if getattr(row, name) != own}


def _write(session: Session, row: AnyRow, columns: Mapping[str, Any], decided: int | None) -> None:
    version = row.version + (row.id != decided)
    own = {"row_id": row.id, "version": version, "updated_at": utc_now()}
    _UPDATE_CONFLICT.run(session, {**columns, **own})


def _write_members(session: Session, wanted: Mapping[int, Collection[Member]]) -> set[int]:
    """Make the claims of these conflicts what was computed; those that were not so before."""
    stored: dict[int, set[Member]] = {id_: set() for id_ in wanted}
    for batch in in_parts(wanted):
        for row in _MEMBERS.all(session, {"ids": batch}):
            stored[row.conflict_id].add((row.claim_id, row.side, row.severity))
    differing = [id_ for id_ in wanted if wanted[id_] != stored[id_]]
    for batch in in_parts(differing):
        session.execute(_DELETE_MEMBERS, {"ids": batch})
    rows = [
        {"conflict_id": id_, "claim_id": claim, "side": side, "severity": severity}
        for id_ in differing
        for claim, side, severity in sorted(wanted[id_])
    ]
    if rows:
        session.execute(insert(_members), rows)
    return {
        claim for id_ in differing for claim, _, _ in stored[id_].symmetric_difference(wanted[id_])
    }


def _write_flags(session: Session, rows: Iterable[AnyRow]) -> None:
    """Flags are computed, not said: they change without a new version of the claim.

    ``rows``: claims with the severity that they have, once for each conflict that holds them.
    """
    stored: dict[int, Severity] = {}
    wanted: dict[int, Severity] = {}
    for id_, severity, held in rows:
        stored[id_] = severity
        wanted[id_] = max(wanted.get(id_, Severity.none), held or Severity.none, key=_rank)
    changed = [
        {"row_id": id_, "severity": severity, "conflict": severity.is_conflict}
        for id_, severity in wanted.items()
        if severity is not stored[id_]
    ]
    if changed:
        session.execute(_UPDATE_FLAG, changed)


def _rank(severity: Severity) -> int:
    return severity.rank


def _record(
    session: Session,
    draft: ChangeDraft,
    condition_id: int,
    changed: Collection[tuple[int, str]],
) -> None:
    if not changed:
        return
    records = conflict_records(session, [id_ for id_, _ in changed])
    for id_, action in changed:
        record = records[id_]
        draft.events.append(
            Event("conflict", id_, record["version"], action, record, condition_id),
        )
