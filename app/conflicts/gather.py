"""From contests to conflicts: sides, compatible claims, pivotal passages, severities."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from app.conflicts.clashes import Clashes
from app.conflicts.concepts import Concepts
from app.conflicts.explain import Dispute, explain
from app.conflicts.judge import Judge
from app.conflicts.keys import conflict_key, fingerprint
from app.conflicts.lowering import Verdict, strongest
from app.conflicts.model import Claim, Conflict, Result, SideClash
from app.conflicts.rules import Contest, all_contests
from app.conflicts.scopes import ScopeComparer
from app.conflicts.sides import (
    distinct,
    in_reading_order,
    members_of_sides,
    reading_order,
    side_of,
)
from app.conflicts.stances import Field, SideId, Stance, Topic, field_of
from app.conflicts.values import Value, ValueKind
from app.vocabulary import Severity, Vocabulary


def compute_conflicts(
    claims: Iterable[Claim],
    vocabulary: Vocabulary,
    concepts: Concepts,
    *,
    condition: str = "",
    about: Collection[str] | None = None,
) -> Result:
    """All conflicts of one condition's claims; the same in any order of claims and citations.

    With ``about`` only the conflicts that these questions are part of, also in ``severities``;
    the claims of ``questions_beside`` them are enough.
    Raises KeyError for a question that the vocabulary does not have.
    """
    claims = list(claims)
    verdicts: defaultdict[str, set[Verdict]] = defaultdict(set)
    field = field_of(claims, vocabulary, concepts)
    scopes = ScopeComparer(vocabulary, concepts)
    judge = Judge()
    conflicts = []
    for contest in all_contests(field, about):
        clashes = Clashes(contest, scopes, judge)
        if not clashes:
            continue
        conflicts.append(_conflict(contest, clashes, field, condition))
        for _, claim, verdict in clashes.of_claims:
            verdicts[claim.id].add(verdict)
    severities = {claim.id: Severity.none for claim in claims}
    severities |= {claim: strongest(found).severity for claim, found in verdicts.items()}
    return Result(tuple(sorted(conflicts, key=lambda one: one.key)), severities)


def _conflict(contest: Contest, clashes: Clashes, field: Field, condition: str) -> Conflict:
    subject, question = contest.topic
    members = members_of_sides(clashes)
    sides = {side: side_of(side, claims) for side, claims in members.items()}
    citations = reading_order(one for claims in members.values() for one in claims)
    pivotal = clashes.pivotal
    disjoint_rows = (row.model_dump(mode="json") for row in clashes.disjoint_rows.values())
    return Conflict(
        key=conflict_key(condition, contest.rule, contest.about, subject),
        rule=contest.rule,
        kind=field.vocabulary.rule_by_key[contest.rule].kind,
        question=question,
        subject=subject,
        severity=clashes.strongest.severity,
        sides=tuple(sides.values()),
        clashes=_side_clashes(clashes, list(sides)),
        compatible=_compatible(subject, members, field),
        pivotal=distinct(one.passage for one in citations if one.passage in pivotal),
        scope_explained=_explained_pairs(clashes),
        explanation=explain(
            Dispute(contest, sides, clashes.strongest, field.vocabulary),
            about=_subject_label(subject, members),
        ),
        fingerprint=fingerprint(contest.rule, (*contest.rows, *disjoint_rows), members),
        basis=tuple(sorted({citation.id for citation in citations})),
        severities=_severities_of_claims(clashes),
    )


def _severities_of_claims(clashes: Clashes) -> tuple[tuple[str, Severity], ...]:
    verdicts: defaultdict[str, set[Verdict]] = defaultdict(set)
    claims: dict[str, Claim] = {}
    for _, claim, verdict in clashes.of_claims:
        verdicts[claim.id].add(verdict)
        claims[claim.id] = claim
    in_order = in_reading_order(claims.values())
    return tuple((claim.id, strongest(verdicts[claim.id]).severity) for claim in in_order)


def _side_clashes(clashes: Clashes, sides: list[SideId]) -> tuple[SideClash, ...]:
    by_side = {side: index for index, side in enumerate(sides)}
    place = [by_side[side] for side in clashes.sides]
    found = []
    for (one, other), verdict in clashes.of_sides.items():
        first, second = sorted((place[one], place[other]))
        found.append(SideClash((first, second), verdict.severity, verdict.reasons))
    return tuple(sorted(found, key=lambda clash: clash.sides))


def _compatible(
    subject: str | None,
    members: Mapping[SideId, tuple[Claim, ...]],
    field: Field,
) -> tuple[str, ...]:
    """Affirming claims of a value broader than a side's, on no side themselves."""
    broader: defaultdict[str, set[str]] = defaultdict(set)
    for side in members:
        if side.value.kind is ValueKind.concept:
            concepts = field.concepts.with_broader(side.value.text)
            broader[side.question] |= concepts - {side.value.text}
    clashing = {claim.id for claims in members.values() for claim in claims}
    found = [
        claim
        for question, concepts in broader.items()
        for concept in concepts
        for stance in _affirming(Value(ValueKind.concept, concept), subject, question, field)
        for claim in stance.claims
        if claim.id not in clashing
    ]
    return tuple(claim.id for claim in in_reading_order(found))


def _affirming(value: Value, subject: str | None, question: str, field: Field) -> list[Stance]:
    return field.affirmed.get(Topic(subject, question), {}).get(value, [])


def _explained_pairs(clashes: Clashes) -> tuple[tuple[str, str], ...]:
    pairs = {(one.id, other.id): (one, other) for one, other in clashes.explained()}
    claims = {claim.id: claim for pair in pairs.values() for claim in pair}
    ids = [claim.id for claim in in_reading_order(claims.values())]
    place = {claim: index for index, claim in enumerate(ids)}
    places = sorted({tuple(sorted((place[one], place[other]))) for one, other in pairs})
    return tuple((ids[first], ids[second]) for first, second in places)


def _subject_label(
    subject: str | None,
    members: Mapping[SideId, tuple[Claim, ...]],
) -> str | None:
    claims = [claim for claims in members.values() for claim in claims]
    labels = [claim.subject_label for claim in claims if claim.subject_label is not None]
    return labels[0] if labels else subject
