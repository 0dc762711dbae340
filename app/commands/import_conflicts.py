"""The conflicts of new conditions, computed before anything is locked.

All claims of such a condition are in the file. The conditions that are there already are
computed from the base, under the lock: see ``app.commands.conflicts``.
"""

import marshal
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy.orm import Session

from app import conflicts as rules
from app.commands.changes import Event, written_event
from app.commands.driver_rows import DriverRows, mark, write_driver_rows
from app.commands.import_events import EventSpool, Ready, Spool
from app.commands.import_ids import NewIds
from app.commands.import_references import References
from app.commands.import_snapshots import CITATION, CLAIM, DOCUMENT, PASSAGE, NewClaim
from app.commands.import_staging import Staging
from app.conflicts.reach import Answers, questions_in_reach, stands_out
from app.identifiers import Prefix, number_of
from app.json_parts import as_text
from app.models import Claim, Conflict, ConflictClaim
from app.models.base import utc_now
from app.queries.computed import conflict_columns, held_severity
from app.queries.conflicts import conflict_record
from app.queries.eligible import concept_edges
from app.vocabulary import (
    Certainty,
    Exclusivity,
    Frequency,
    Polarity,
    ScopePart,
    Severity,
    Vocabulary,
)

RuledRow = tuple[int, str, str | None, bool, bytes]
CONFLICT_COLUMNS = tuple(
    column.name for column in Conflict.__table__.columns if column.name != "decision"
)
MEMBER_COLUMNS = ("conflict_id", "claim_id", "side", "severity")
CONFLICTS_AT_ONCE = 100
OPENED = "conflict.opened"
Prepared = dict[str, list[Any]]


def ruled_row(claim: NewClaim, vocabulary: Vocabulary) -> RuledRow:
    """A published claim of a new condition as it is staged for the rules.

    Of its citations those whose document is active, with their place in reading order.
    """
    line = claim.line
    cited = [
        (
            f"{CITATION}{id_}",
            f"{PASSAGE}{passage.id}",
            f"{DOCUMENT}{passage.document_id}",
            (passage.document_id, passage.position, one.start or 0, id_),
            str(one.certainty),
            str(one.frequency),
            str(one.exclusivity),
        )
        for id_, one, passage in zip(claim.plan.parts, line.citations, claim.passages, strict=True)
        if passage.is_active
    ]
    frequencies = {one.frequency for one in line.citations}
    out = stands_out(line.polarity, line.concept, frequencies, vocabulary)
    quantity = line.quantity
    content = (
        claim.condition.slug,
        f"{CLAIM}{claim.plan.record_id}",
        line.question,
        claim.named(line.concept),
        (quantity.as_said, quantity.low, quantity.high, quantity.unit) if quantity else None,
        line.words,
        claim.named(line.subject),
        str(line.polarity),
        claim.scope(),
        cited,
    )
    return claim.condition.id, line.question, line.concept, out, marshal.dumps(content)


def _ruled_claim(content: Sequence[Any]) -> rules.Claim:
    _, id_, question, concept, quantity, words, subject, polarity, scope, cited = content
    parts = [(part, scope[part.value]["key"]) for part in ScopePart if scope and scope[part.value]]
    label = concept[1] if concept else quantity[0] if quantity else words
    return rules.Claim(
        id=id_,
        question=question,
        label=label or "",
        concept=concept and concept[0],
        quantity=quantity and rules.Quantity(*quantity[1:]),
        words=words,
        subject=subject and subject[0],
        subject_label=subject and subject[1],
        polarity=Polarity(polarity),
        scope=rules.Scope(
            tuple(parts),
            scope and scope["age_low"],
            scope and scope["age_high"],
        ),
        citations=tuple(
            rules.Citation(
                own_id,
                passage,
                document,
                order,
                Certainty(certainty),
                Frequency(frequency),
                Exclusivity(exclusivity),
            )
            for own_id, passage, document, order, certainty, frequency, exclusivity in cited
        ),
    )


class ConflictPreparer:
    def __init__(
        self,
        session: Session,
        staging: Staging,
        ids: NewIds,
        spool: Spool,
        vocabulary: Vocabulary,
    ) -> None:
        self._session = session
        self._staging = staging
        self._ids = ids
        self._spool = spool
        self._vocabulary = vocabulary
        self._references = References(session, staging)
        self._now = utc_now()
        self._conflicts = DriverRows.of(session, Conflict, CONFLICT_COLUMNS)
        self._members = DriverRows.of(session, ConflictClaim, MEMBER_COLUMNS)
        self._flags = DriverRows.of(session, Claim, ("severity", "conflict", "id"))

    def prepare(self, unsettled: Collection[str]) -> Iterator[Ready]:
        """They are kept ready, some at once. ``unsettled``: slugs that are left out."""
        hierarchy: rules.Concepts | None = None
        waiting = _nothing()
        for condition_id, given in self._staging.ruled_conditions():
            if hierarchy is None:
                hierarchy = self._hierarchy()
            in_reach = questions_in_reach(_answers(given), self._vocabulary, hierarchy)
            if not _can_clash(given, in_reach):
                continue
            staged = map(marshal.loads, self._staging.ruled_claims(condition_id, in_reach))
            found = list(staged)
            slug = found[0][0]
            if slug in unsettled:
                continue
            claims = list(map(_ruled_claim, found))
            result = rules.compute_conflicts(claims, self._vocabulary, hierarchy, condition=slug)
            self._make_ready(condition_id, slug, result.conflicts, waiting)
            if len(waiting["conflicts"]) >= CONFLICTS_AT_ONCE:
                yield self._kept(waiting)
                waiting = _nothing()
        if waiting["conflicts"]:
            yield self._kept(waiting)

    def _kept(self, prepared: Prepared) -> Ready:
        events = prepared.pop("events")
        return Ready(self._spool.append(prepared), self._spool.append(events), len(events))

    def _hierarchy(self) -> rules.Concepts:
        """That of the base with what the lines add; no line changes a concept of the base."""
        return rules.Concepts({**concept_edges(self._session), **self._staging.broader()})

    def _make_ready(
        self,
        condition_id: int,
        slug: str,
        found: Sequence[rules.Conflict],
        prepared: Prepared,
    ) -> None:
        highest: dict[int, Severity] = {}
        subjects = self._references.concepts({c.subject for c in found if c.subject is not None})
        condition = self._references.conditions([slug])[slug]
        for conflict in found:
            columns = conflict_columns(conflict, self._vocabulary)
            [id_] = self._ids.take("conflict")
            subject = subjects[conflict.subject] if conflict.subject is not None else None
            columns |= {
                "id": id_,
                "key": conflict.key,
                "condition_id": condition_id,
                "subject_id": subject and subject.id,
                "version": 1,
                "created_at": self._now,
                "updated_at": self._now,
            }
            names = {
                "slug": condition.slug,
                "name": condition.name,
                "subject_key": subject and subject.key,
                "subject_label": subject and subject.label,
            }
            record = conflict_record(SimpleNamespace(**columns, **names))
            event = Event("conflict", id_, 1, OPENED, record, condition_id)
            prepared["events"].append(tuple(written_event(event)))
            stored = columns | {"body": as_text(columns["body"])}
            prepared["conflicts"].append(self._conflicts.row(stored))
            held = _held(conflict)
            prepared["members"] += [
                self._members.row(dict(zip(MEMBER_COLUMNS, (id_, *member), strict=True)))
                for member in sorted(_members(conflict, held))
            ]
            for claim, severity in held.items():
                former = highest.get(claim, Severity.none)
                highest[claim] = max(former, severity, key=lambda one: one.rank)
        prepared["flags"] += [
            self._flags.row({"severity": own, "conflict": own.is_conflict, "id": claim})
            for claim, own in sorted(highest.items())
        ]


def _can_clash(given: Sequence[tuple[str, str | None, int]], in_reach: Collection[str]) -> bool:
    """Whether there are two claims for it, or one that can clash within itself."""
    reached = [is_out for question, _, is_out in given if question in in_reach]
    return len(reached) > 1 or any(reached)


def _answers(given: Sequence[tuple[str, str | None, int]]) -> dict[str, Answers]:
    """Of claims by question, concept, and whether they stand out."""
    found: defaultdict[str, Answers] = defaultdict(Answers)
    for question, concept, is_out in given:
        own = found[question]
        if concept is not None:
            own.concepts.add(concept)
        if is_out:
            own.stand_out = True
    return found


def _nothing() -> Prepared:
    return {"conflicts": [], "members": [], "flags": [], "events": []}


def _held(conflict: rules.Conflict) -> dict[int, Severity]:
    return {
        number_of(Prefix.claim, claim): held_severity(severity, None, "none", conflict.rule)
        for claim, severity in conflict.severities
    }


def _members(
    conflict: rules.Conflict,
    held: Mapping[int, Severity],
) -> Iterator[tuple[int, int, Severity]]:
    for side, listed in enumerate(conflict.sides):
        for claim in listed.claims:
            number = number_of(Prefix.claim, claim)
            yield number, side, held[number]


def write_prepared_conflicts(
    session: Session,
    events: EventSpool,
    spool: Spool,
    batches: Sequence[Ready],
) -> None:
    conflicts = DriverRows.of(session, Conflict, CONFLICT_COLUMNS)
    members = DriverRows.of(session, ConflictClaim, MEMBER_COLUMNS)
    sign = mark(session.get_bind().dialect)
    flags = f"UPDATE claims SET severity = {sign}, conflict = {sign} WHERE id = {sign}"  # noqa: S608 - marks only
    for ready in batches:
        prepared: Prepared = spool.read(ready.rows)
        write_driver_rows(session, conflicts.statement, prepared["conflicts"])
        write_driver_rows(session, members.statement, prepared["members"])
        write_driver_rows(session, flags, prepared["flags"])
        events.append_ready(spool, ready, "conflict", OPENED)
