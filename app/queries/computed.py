"""What the conflict rows of a condition have to be, by a fresh computation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.conflicts.decisions import (
    NO_DECISION,
    STANDING,
    asserted_conflict,
    in_force,
    status_of,
)
from app.conflicts.reach import questions_beside, questions_of
from app.identifiers import Prefix, number_of, public_id
from app.models import Concept, Conflict
from app.queries.eligible import (
    concept_hierarchy,
    eligible_among,
    eligible_answers,
    eligible_claims,
    numbered_subjects,
)
from app.queries.prepared import Prepared
from app.queries.records import AnyRow
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


@dataclass(frozen=True, slots=True)
class Touched:
    """Claims that a change touched; what they answered, and about what, before or after it.

    ``subjects``: ids of concepts, None for the condition itself.
    """

    claims: Collection[int]
    questions: Collection[str]
    subjects: Collection[int | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Conflicts as they are stored and as they have to be, by key.

    Stored ones that are closed are there at least where they were asserted or are computed.
    """

    stored: dict[str, AnyRow]
    computed: dict[str, ComputedConflict]


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
    decisions = _decisions(session, condition_id)
    found = [
        *_by_rules(session, claims, condition_slug, vocabulary),
        *_asserted(decisions, claims),
    ]
    rows = _rows(session, found, decisions, vocabulary)
    severities = dict.fromkeys((number_of(Prefix.claim, one.id) for one in claims), Severity.none)
    for row in rows.values():
        for claim, severity in row.severities.items():
            number = number_of(Prefix.claim, claim)
            severities[number] = max(severities[number], severity, key=lambda one: one.rank)
    return rows, severities


def compare_all(
    session: Session, condition_id: int, condition_slug: str, vocabulary: Vocabulary
) -> Comparison:
    """All conflicts of a condition."""
    computed, _ = compute_rows(session, condition_id, condition_slug, vocabulary)
    rows = session.execute(_OF_CONDITION, {"condition": condition_id})
    return Comparison({row.key: row for row in rows}, computed)


def compare_touched(
    session: Session,
    condition_id: int,
    condition_slug: str,
    touched: Touched,
    vocabulary: Vocabulary,
) -> Comparison:
    """All conflicts of a condition that a change of some of its claims can reach.

    They are what a computation of the whole condition would give, at the cost of the questions
    and subjects that they are about: claims of different subjects are never compared.
    """
    questions = questions_beside(touched.questions, vocabulary)
    beside = sorted(questions - set(touched.questions))
    asked = {"condition": condition_id, "touched": sorted(touched.questions), "beside": beside}
    subjects = numbered_subjects(touched.subjects)
    rows = _NEARBY.all(session, asked | {"subjects": subjects})
    stored = {row.key: row for row in rows if _is_reached(row, touched, vocabulary)}
    decisions = {key: row.decision for key, row in stored.items() if row.decision is not None}
    named = {
        number_of(Prefix.claim, claim)
        for decision in decisions.values()
        if decision["kind"] == Rule.asserted
        for claim in decision["claims"]
    }
    claims = eligible_answers(session, condition_id, questions, touched.subjects, vocabulary)
    found = [*_by_rules(session, claims, condition_slug, vocabulary, touched.questions)]
    if unknown := sorted({conflict.key for conflict in found} - stored.keys()):
        closed = {row.key: row for row in _BY_KEY.all(session, {"keys": unknown})}
        stored |= closed
        decisions |= {key: row.decision for key, row in closed.items() if row.decision is not None}
    found += _asserted(decisions, eligible_among(session, named))
    return Comparison(stored, _rows(session, found, decisions, vocabulary))


# Tables and not models: nothing is loaded but rows.
_CONFLICT, _CONCEPT = Conflict.__table__.c, Concept.__table__.c
# When they were written nobody asks: moments take longer to read than all else.
_STORED = select(*(own for own in _CONFLICT if own.name not in {"created_at", "updated_at"}))
_OF_CONDITION = _STORED.where(_CONFLICT.condition_id == bindparam("condition"))
# The rules that look at one question only; the others name the first of theirs.
_OF_ONE_QUESTION = [Rule.values.value, Rule.polarity.value, Rule.frequency.value]
_NEARBY = Prepared(
    _OF_CONDITION.where(
        or_(
            (_CONFLICT.status == OPEN)
            & (func.coalesce(_CONFLICT.subject_id, 0).in_(bindparam("subjects", expanding=True)))
            & or_(
                _CONFLICT.question.in_(bindparam("touched", expanding=True)),
                _CONFLICT.question.in_(bindparam("beside", expanding=True))
                & _CONFLICT.rule.not_in(_OF_ONE_QUESTION),
            ),
            _CONFLICT.rule == Rule.asserted.value,
        ),
    ),
)
_BY_KEY = Prepared(_STORED.where(_CONFLICT.key.in_(bindparam("keys", expanding=True))))


def _is_reached(row: AnyRow, touched: Touched, vocabulary: Vocabulary) -> bool:
    """Whether a stored conflict is one of those that the change can reach."""
    if row.rule == Rule.asserted:
        decision = row.decision or {"claims": []}
        named = {
            *decision["claims"],
            *(one for side in row.body["sides"] for one in side["claims"]),
        }
        return not named.isdisjoint(public_id(Prefix.claim, number) for number in touched.claims)
    of_sides = (side["question"] for side in row.body["sides"])
    made_of = questions_of(Rule(row.rule), row.question, of_sides, vocabulary)
    return not made_of.isdisjoint(touched.questions)


def _decisions(session: Session, condition_id: int) -> dict[str, Decision]:
    """The decisions of a condition by the key of their conflict."""
    return dict(session.execute(_DECISIONS, {"condition": condition_id}).all())


_DECISIONS = select(_CONFLICT.key, _CONFLICT.decision).where(
    _CONFLICT.condition_id == bindparam("condition"),
    _CONFLICT.decision.is_not(None),
)


def _by_rules(
    session: Session,
    claims: Sequence[rules.Claim],
    condition_slug: str,
    vocabulary: Vocabulary,
    about: Collection[str] | None = None,
) -> Sequence[rules.Conflict]:
    result = rules.compute_conflicts(
        claims,
        vocabulary,
        concept_hierarchy(session, claims),
        condition=condition_slug,
        about=about,
    )
    return result.conflicts


def _asserted(
    decisions: Mapping[str, Decision], claims: Sequence[rules.Claim]
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


def _rows(
    session: Session,
    conflicts: Sequence[rules.Conflict],
    decisions: Mapping[str, Decision],
    vocabulary: Vocabulary,
) -> dict[str, ComputedConflict]:
    subjects = sorted({one.subject for one in conflicts if one.subject is not None})
    ids = dict(_CONCEPT_IDS.all(session, {"keys": subjects})) if subjects else {}
    return {one.key: _row(one, decisions.get(one.key), ids, vocabulary) for one in conflicts}


_CONCEPT_IDS = Prepared(
    select(_CONCEPT.key, _CONCEPT.id).where(_CONCEPT.key.in_(bindparam("keys", expanding=True))),
)


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
