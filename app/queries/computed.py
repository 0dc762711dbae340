"""What the conflict rows of a condition have to be, by a fresh computation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.conflicts.decisions import (
    NO_DECISION,
    STANDING,
    asserted_conflict,
    in_force,
    status_of,
)
from app.identifiers import Prefix, number_of
from app.models import Concept, Conflict
from app.queries.eligible import concept_hierarchy, eligible_claims
from app.vocabulary import Rule, Severity, Vocabulary

OPEN, CLOSED = "open", "closed"
Decision = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ComputedConflict:
    """A conflict as its row has to be: columns, and (claim id, side, severity) of its claims.

    ``severities``: what holds of each claim in it, after a decision, by public id.
    """

    columns: dict[str, Any]
    claims: list[tuple[int, int, Severity]]
    severities: dict[str, Severity]


def compute_rows(
    session: Session,
    condition_id: int,
    condition_slug: str,
    vocabulary: Vocabulary,
) -> tuple[dict[str, ComputedConflict], dict[int, Severity]]:
    """What the rows of a condition have to be now: conflicts by key, severities by claim."""
    claims = eligible_claims(session, condition_id)
    return compute_over(session, claims, condition_id, condition_slug, vocabulary)


def compute_over(
    session: Session,
    claims: Sequence[rules.Claim],
    condition_id: int,
    condition_slug: str,
    vocabulary: Vocabulary,
) -> tuple[dict[str, ComputedConflict], dict[int, Severity]]:
    """The same over these of its claims alone."""
    result = rules.compute_conflicts(
        claims,
        vocabulary,
        concept_hierarchy(session, claims),
        condition=condition_slug,
    )
    decisions = _decisions(session, condition_id)
    found = [*result.conflicts, *_asserted(decisions, claims)]
    subjects = {conflict.subject for conflict in found if conflict.subject is not None}
    known = select(Concept.key, Concept.id).where(Concept.key.in_(subjects))
    ids = dict(session.execute(known).all())
    rows = {}
    severities = dict.fromkeys((claim.id for claim in claims), Severity.none)
    for conflict in found:
        row = rows[conflict.key] = _row(conflict, decisions.get(conflict.key), ids, vocabulary)
        for claim, severity in row.severities.items():
            severities[claim] = max(severities[claim], severity, key=lambda one: one.rank)
    return rows, {number_of(Prefix.claim, id_): own for id_, own in severities.items()}


def _decisions(session: Session, condition_id: int) -> dict[str, Decision]:
    """The decisions of a condition by the key of their conflict."""
    rows = session.execute(
        select(Conflict.key, Conflict.decision).where(
            Conflict.condition_id == condition_id,
            Conflict.decision.is_not(None),
        ),
    )
    return dict(rows.all())


def _asserted(
    decisions: dict[str, Decision], claims: Sequence[rules.Claim]
) -> list[rules.Conflict]:
    found = []
    for key, decision in decisions.items():
        if decision["kind"] == Rule.asserted:
            named = [claim for claim in claims if claim.id in set(decision["claims"])]
            severity = Severity(decision["severity"])
            conflict = asserted_conflict(key, named, severity, decision["words"])
            if conflict is not None:
                found.append(conflict)
    return found


def _row(
    conflict: rules.Conflict,
    decision: Decision | None,
    subject_ids: dict[str, int],
    vocabulary: Vocabulary,
) -> ComputedConflict:
    columns = conflict_columns(conflict, vocabulary, decision)
    kind = decision["kind"] if decision else None
    stands = columns["decision_status"]
    held = {
        claim: held_severity(severity, kind, stands, conflict.rule)
        for claim, severity in conflict.severities
    }
    return ComputedConflict(
        columns=columns | {"subject_id": subject_ids.get(conflict.subject or "")},
        claims=[
            (number_of(Prefix.claim, claim), side, held[claim])
            for side, listed in enumerate(conflict.sides)
            for claim in listed.claims
        ],
        severities=held,
    )


def held_severity(severity: Severity, kind: str | None, status: str, rule: Rule) -> Severity:
    if rule is Rule.asserted and status != STANDING:
        return Severity.none  # the rules found nothing, and the curator judged something else
    return in_force(severity, kind, status)


def conflict_columns(
    conflict: rules.Conflict,
    vocabulary: Vocabulary,
    decision: Decision | None = None,
) -> dict[str, Any]:
    """The columns of the row of a conflict that is open."""
    status, kind = NO_DECISION, None
    if decision is not None:
        status, kind = status_of(decision["fingerprint"], conflict.fingerprint), decision["kind"]
        decision = decision | {"drifted": decision["basis"] != list(conflict.basis)}
    computed = Severity.none if conflict.rule is Rule.asserted else conflict.severity
    return {
        "rule": conflict.rule.value,
        "kind": conflict.kind,
        "question": conflict.question,
        "computed": computed,
        "effective": held_severity(conflict.severity, kind, status, conflict.rule),
        "status": OPEN,
        "explanation": conflict.explanation,
        "fingerprint": conflict.fingerprint,
        "vocabulary_number": vocabulary.version,
        "decision": decision,
        "decision_status": status,
        "body": {
            "sides": [
                {
                    "label": side.label,
                    "question": side.question,
                    "polarity": side.polarity.value,
                    "claims": list(side.claims),
                    "passages": list(side.passages),
                    "documents": list(side.documents),
                }
                for side in conflict.sides
            ],
            "clashes": [
                {
                    "sides": list(clash.sides),
                    "severity": clash.severity.value,
                    "reasons": list(clash.reasons),
                }
                for clash in conflict.clashes
            ],
            "compatible": list(conflict.compatible),
            "pivotal": list(conflict.pivotal),
            "scope_explained": [list(pair) for pair in conflict.scope_explained],
            "severities": [
                {"claim": claim, "severity": severity.value}
                for claim, severity in conflict.severities
            ],
        },
    }
