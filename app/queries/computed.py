"""What the conflict rows of a condition have to be, by a fresh computation."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.identifiers import Prefix, number_of
from app.models import Concept
from app.queries.eligible import concept_hierarchy, eligible_claims
from app.vocabulary import Severity, Vocabulary

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class ComputedConflict:
    """A conflict as its row has to be: columns, and (claim id, side, severity) of its claims."""

    columns: dict[str, Any]
    claims: list[tuple[int, int, Severity]]


def compute_rows(
    session: Session,
    condition_id: int,
    condition_slug: str,
    vocabulary: Vocabulary,
) -> tuple[dict[str, ComputedConflict], dict[int, Severity]]:
    """What the rows of a condition have to be now: conflicts by key, severities by claim."""
    claims = eligible_claims(session, condition_id)
    result = rules.compute_conflicts(
        claims,
        vocabulary,
        concept_hierarchy(session),
        condition=condition_slug,
    )
    subjects = {claim.subject: None for claim in claims if claim.subject is not None}
    ids = dict(
        session.execute(
            select(Concept.key, Concept.id).where(Concept.key.in_(list(subjects))),
        ).all(),
    )
    rows = {
        conflict.key: ComputedConflict(
            columns=conflict_columns(conflict, vocabulary)
            | {"subject_id": ids.get(conflict.subject or "")},
            claims=[
                (number_of(Prefix.claim, claim), side, dict(conflict.severities)[claim])
                for side, listed in enumerate(conflict.sides)
                for claim in listed.claims
            ],
        )
        for conflict in result.conflicts
    }
    return rows, {
        number_of(Prefix.claim, id_): severity for id_, severity in result.severities.items()
    }


def conflict_columns(conflict: rules.Conflict, vocabulary: Vocabulary) -> dict[str, Any]:
    """The columns of the row of a conflict that is open."""
    return {
        "rule": conflict.rule.value,
        "kind": conflict.kind,
        "question": conflict.question,
        "computed": conflict.severity,
        "effective": conflict.severity,
        "status": OPEN,
        "explanation": conflict.explanation,
        "fingerprint": conflict.fingerprint,
        "vocabulary_number": vocabulary.version,
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
