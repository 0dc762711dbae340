"""What a curator's decision makes of a conflict, and conflicts that a curator asserts."""

from collections import defaultdict
from collections.abc import Sequence

from app.conflicts.keys import fingerprint
from app.conflicts.model import Claim, Conflict, Side, SideClash
from app.conflicts.sides import distinct, in_reading_order, reading_order
from app.conflicts.stances import SideId, side_id_of
from app.vocabulary import DecisionKind, Rule, Severity

STANDING, STALE, NO_DECISION = "standing", "stale", "none"


def status_of(judged: str | None, current: str) -> str:
    """Whether a decision on what had the fingerprint ``judged`` still fits."""
    if judged is None:
        return NO_DECISION
    return STANDING if judged == current else STALE


def in_force(severity: Severity, kind: str | None, status: str) -> Severity:
    """The severity that holds. A decision that is stale has no force: the computed one is back."""
    if status != STANDING:
        return severity
    if kind == DecisionKind.dismissed:
        return Severity.none
    if kind == DecisionKind.explained:
        return min(severity, Severity.tension, key=lambda one: one.rank)
    return severity


def asserted_conflict(
    key: str,
    claims: Sequence[Claim],
    severity: Severity,
    words: str,
) -> Conflict | None:
    """The conflict that a curator asserts over these claims, each a side of its own.

    None where fewer than two of them are eligible: there is nothing left to clash.
    """
    ordered = in_reading_order(claims)
    if len(ordered) < 2:  # noqa: PLR2004 - a conflict has two sides
        return None
    members: defaultdict[SideId, list[Claim]] = defaultdict(list)
    for claim in ordered:
        members[side_id_of(claim)].append(claim)
    citations = reading_order(ordered)
    places = range(len(ordered))
    subjects = {claim.subject for claim in ordered}
    return Conflict(
        key=key,
        rule=Rule.asserted,
        kind="asserted",
        question=ordered[0].question,
        subject=ordered[0].subject if len(subjects) == 1 else None,
        severity=severity,
        sides=tuple(_side(claim) for claim in ordered),
        clashes=tuple(
            SideClash((first, second), severity, ())
            for first in places
            for second in places
            if first < second
        ),
        compatible=(),
        pivotal=(),
        scope_explained=(),
        explanation=f"A curator says that these cannot all stand: {words}",
        fingerprint=fingerprint(Rule.asserted, (), members),
        basis=tuple(sorted({citation.id for citation in citations})),
        severities=tuple((claim.id, severity) for claim in ordered),
    )


def _side(claim: Claim) -> Side:
    citations = reading_order([claim])
    return Side(
        question=claim.question,
        label=claim.label,
        polarity=claim.polarity,
        claims=(claim.id,),
        passages=distinct(citation.passage for citation in citations),
        documents=distinct(citation.document for citation in citations),
    )
