"""A curator's word on a conflict: kept with what it judged, and stale when that changes."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.conflicts import refresh_conflicts
from app.commands.touched import RecordEdit
from app.commands.versions import lock_conditions, take_version
from app.conflicts.decisions import asserted_conflict
from app.conflicts.keys import conflict_key
from app.errors import ConflictingStateError, InvalidRequestError, NotFoundError
from app.identifiers import Prefix, number_of, public_id
from app.models import Citation, Claim, Conflict, Document, Passage
from app.models.base import utc_now
from app.queries.computed import CLOSED, OPEN, Touched, conflict_columns
from app.queries.eligible import eligible_among
from app.queries.records import stamp
from app.schemas.decisions import AssertionIn, DecisionIn
from app.vocabulary import DecisionKind, DocumentStatus, Rule, Severity, Vocabulary

KEY_LENGTH = 12


def decide_conflict(
    session: Session, draft: ChangeDraft, edit: RecordEdit, body: DecisionIn
) -> None:
    """Decide on an open conflict, or raise StaleError, ConflictingStateError."""
    conflict_id = edit.record_id
    condition_id = session.scalar(select(Conflict.condition_id).where(Conflict.id == conflict_id))
    if condition_id is None:
        raise NotFoundError("There is no conflict of this id.")
    slug = lock_conditions(session, [condition_id])[condition_id]
    row = session.get_one(Conflict, conflict_id, populate_existing=True)
    if row.status != OPEN:
        raise ConflictingStateError("The conflict is closed: there is nothing to decide.")
    if row.rule == Rule.asserted and body.kind != DecisionKind.dismissed:
        raise ConflictingStateError(
            "A curator asserted this conflict: it can be dismissed, or asserted anew.",
        )
    take_version(session, "conflict", Conflict, conflict_id, edit.version)
    session.refresh(row)
    row.decision = {
        "kind": body.kind,
        "reason_code": body.reason_code,
        "words": body.reason,
        "decided_at": stamp(utc_now()),
        "fingerprint": row.fingerprint,
        "basis": _basis(session, row),
        "drifted": False,
        "severity": None,
        "claims": [],
    }
    touched = Touched(_claims(row), [row.question], [row.subject_id])
    refresh_conflicts(
        session,
        draft,
        condition_id,
        slug,
        edit.vocabulary,
        touched=touched,
        decided=conflict_id,
    )


def assert_conflict(
    session: Session, draft: ChangeDraft, body: AssertionIn, vocabulary: Vocabulary
) -> int:
    """Open a conflict that the rules missed; its id. Raises InvalidRequestError unless the
    claims are eligible and of one condition."""
    numbers = sorted(number_of(Prefix.claim, claim) for claim in set(body.claims))
    rows = session.execute(select(Claim.id, Claim.condition_id).where(Claim.id.in_(numbers)))
    conditions = set(dict(rows.all()).values())
    if len(conditions) != 1:
        raise _not_eligible()
    [(condition_id, slug)] = lock_conditions(session, conditions).items()
    claims = [public_id(Prefix.claim, number) for number in numbers]
    named = eligible_among(session, numbers)
    if len(named) < len(claims):
        raise _not_eligible()
    key = conflict_key(slug, Rule.asserted, [_hash(claims)], None)
    conflict = asserted_conflict(key, named, Severity(body.severity), body.reason)
    if conflict is None:
        raise _not_eligible()
    decision = {
        "kind": DecisionKind.asserted,
        "reason_code": body.reason_code,
        "words": body.reason,
        "decided_at": stamp(utc_now()),
        "fingerprint": conflict.fingerprint,
        "basis": list(conflict.basis),
        "drifted": False,
        "severity": body.severity,
        "claims": claims,
    }
    row = session.scalar(select(Conflict).where(Conflict.key == key))
    if row is not None and row.status == OPEN:
        name = public_id(Prefix.conflict, row.id)
        raise ConflictingStateError(f"{name} says so already.", existing=name)
    if row is None:
        now = utc_now()
        row = Conflict(key=key, condition_id=condition_id, created_at=now, version=0)
        row.updated_at = now
        session.add(row)
    for name, value in conflict_columns(conflict, vocabulary, decision).items():
        setattr(row, name, value)
    row.status = CLOSED  # the refresh opens it
    session.flush()
    touched = Touched(numbers, [], [])
    refresh_conflicts(session, draft, condition_id, slug, vocabulary, touched=touched)
    return row.id


def _hash(claims: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(claims).encode()).hexdigest()[:KEY_LENGTH]


def _basis(session: Session, row: Conflict) -> list[str]:
    """The citations that the sides stand on, as the rules name them."""
    found = session.scalars(
        select(Citation.id)
        .join(Passage, Passage.id == Citation.passage_id)
        .join(Document, Document.id == Passage.document_id)
        .where(Citation.claim_id.in_(_claims(row)), Document.status == DocumentStatus.active),
    )
    return sorted(public_id(Prefix.citation, id_) for id_ in found)


def _claims(row: Conflict) -> set[int]:
    """Those on its sides."""
    body: dict[str, Any] = row.body
    return {number_of(Prefix.claim, claim) for side in body["sides"] for claim in side["claims"]}


def _not_eligible() -> InvalidRequestError:
    place = {"in": "body", "pointer": "/claims", "code": "not_eligible"}
    detail = "Published claims of one condition, cited from active documents, are needed."
    return InvalidRequestError(
        "These claims cannot be in conflict; `errors` names the place.",
        errors=[place | {"detail": detail}],
    )
