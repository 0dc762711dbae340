"""Merging two concepts that are one thing: claims, words and place in the hierarchy move."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event, note_event
from app.commands.claim_merges import merge_claims
from app.commands.concept_edits import (
    USES,
    loaded,
    lock_concepts,
    take_concept,
    write_synonyms,
    write_xrefs,
)
from app.commands.parts import in_parts
from app.commands.patches import refusal
from app.commands.search import index_claims_of_concepts
from app.commands.touched import RecordEdit, refresh_touched, renew_claims
from app.errors import ConflictingStateError
from app.models import Claim, Concept, ConceptBroader
from app.models.base import utc_now
from app.models.claims import LIVE_CLAUSE
from app.queries.names import with_narrower
from app.queries.rebuild import identity_of
from app.queries.records import Record, claim_records
from app.schemas.seed_checks import Fault
from app.text import folded
from app.vocabulary import ClaimStatus, Vocabulary

# Of claims that become the same one, the first of these stays; then the one of lowest id.
PRECEDENCE = {
    status: place
    for place, status in enumerate(
        [ClaimStatus.published, ClaimStatus.in_review, ClaimStatus.draft],
    )
}


def merge_concept(session: Session, draft: ChangeDraft, edit: RecordEdit, into: str) -> None:
    """Use the target wherever this concept is used; its key leads there from now on.

    Claims that say the same thereby are merged. Raises InvalidRequestError for a target that
    cannot be one, ConflictingStateError where the hierarchy or the vocabulary forbids it.
    """
    target_id = _target(session, edit.record_id, into)
    slugs = lock_concepts(session, [edit.record_id, target_id], with_those_below=True)
    row = take_concept(session, edit)
    target = loaded(session, target_id)
    if target.merged_into_id is not None:
        raise refusal([Fault("/into", "the concept was merged into another itself")])
    if row.key in _named_by(edit.vocabulary):
        raise ConflictingStateError(
            "The vocabulary names this concept: merge the other one into it.",
        )
    _move_claims(session, draft, row, target)
    _move_place(session, draft, row, target)
    _move_words(row, target)
    row.merged_into_id = target.id
    target.version += 1
    target.updated_at = utc_now()
    note_event(session, draft, "concept", row, "merged")
    note_event(session, draft, "concept", target, "updated")
    index_claims_of_concepts(session, [row.id, target.id])
    refresh_touched(session, draft, slugs, edit.vocabulary)


def _target(session: Session, concept_id: int, into: str) -> int:
    target_id = session.scalar(select(Concept.id).where(Concept.key == into))
    if target_id is None:
        raise refusal([Fault("/into", "there is no such concept")])
    if target_id == concept_id:
        raise refusal([Fault("/into", "a concept is merged into another one")])
    return target_id


def _named_by(vocabulary: Vocabulary) -> set[str]:
    return {
        vocabulary.unknown_concept,
        *(side.concept for row in vocabulary.exclusions for side in row.sides),
        *(key for row in vocabulary.disjoint for key in row.values),
    }


# Claims


class _Claim(NamedTuple):
    id: int
    status: ClaimStatus
    identity: str

    @property
    def precedence(self) -> tuple[int, int]:
        return PRECEDENCE[self.status], self.id


def _move_claims(session: Session, draft: ChangeDraft, row: Concept, target: Concept) -> None:
    moving = _moving(session, row, target)
    _write_identities(session, {claim.id: f"moving {claim.id}" for claim in moving})
    for column in USES:
        session.execute(
            update(Claim)
            .where(column == row.id)
            .values({column.key: target.id})
            .execution_options(synchronize_session=False),
        )
    _expire_claims(session)
    merged: set[int] = set()
    for first, *others in _same_claims(session, moving):
        for other in others:
            merge_claims(session, draft, other.id, first.id)
            merged |= {first.id, other.id}
    _one_event_each(session, draft)
    _write_identities(session, {claim.id: claim.identity for claim in moving})
    renew_claims(session, draft, {claim.id for claim in moving} - merged, "updated")


def _moving(session: Session, row: Concept, target: Concept) -> list[_Claim]:
    """The claims that use the concept, each with the identity that it is going to have."""
    uses = or_(*(column == row.id for column in USES))
    statuses = dict(session.execute(select(Claim.id, Claim.status).where(uses)).all())
    records: dict[int, Record] = {}
    for part in in_parts(statuses):
        records |= claim_records(session, part)
    return [
        _Claim(id_, statuses[id_], identity_of(records[id_], {row.key: target.key}))
        for id_ in sorted(statuses)
    ]


def _same_claims(session: Session, moving: Iterable[_Claim]) -> list[list[_Claim]]:
    """Live claims that will say the same, by twos or more, the one that stays first."""
    groups: dict[str, list[_Claim]] = defaultdict(list)
    for claim in moving:
        if claim.status in PRECEDENCE:
            groups[claim.identity].append(claim)
    for part in in_parts(groups):
        held = select(Claim.id, Claim.status, Claim.identity).where(
            Claim.identity.in_(part),
            LIVE_CLAUSE,
        )
        for id_, status, identity in session.execute(held):
            groups[identity].append(_Claim(id_, status, identity))
    return [
        sorted(group, key=lambda claim: claim.precedence)
        for group in groups.values()
        if len(group) > 1
    ]


def _write_identities(session: Session, identities: Mapping[int, str]) -> None:
    rows = [{"id": id_, "identity": identity} for id_, identity in identities.items()]
    if rows:
        session.execute(update(Claim), rows)


def _expire_claims(session: Session) -> None:
    for row in list(session.identity_map.values()):
        if isinstance(row, Claim):
            session.expire(row)


def _one_event_each(session: Session, draft: ChangeDraft) -> None:
    """A claim that several were merged into has one new version, not one for each."""
    events: dict[tuple[str, int], Event] = {}
    for event in draft.events:
        former = events.get((event.record_type, event.record_id))
        if former is not None:
            event.version = former.version
            event.snapshot["version"] = former.version
            session.execute(
                update(Claim)
                .where(Claim.id == event.record_id)
                .values(version=former.version)
                .execution_options(synchronize_session="evaluate"),
            )
        events[event.record_type, event.record_id] = event
    draft.events = list(events.values())


# The concept itself


def _move_place(session: Session, draft: ChangeDraft, row: Concept, target: Concept) -> None:
    """What was narrower than the one is narrower than the other, and so for broader.

    A broader concept of the source that is below the target is left out: it would make a
    circle. Raises ConflictingStateError where one that is narrower would make it.
    """
    below = select(ConceptBroader.concept_id).where(ConceptBroader.broader_id == row.id)
    narrower = list(session.scalars(below.order_by(ConceptBroader.concept_id)))
    above = [edge.broader_id for edge in row.broader]
    session.execute(
        delete(ConceptBroader).where(
            (ConceptBroader.broader_id == row.id) | (ConceptBroader.concept_id == row.id),
        ),
    )
    for id_ in narrower:
        if id_ != target.id and not _has_edge(session, id_, target.id):
            session.add(ConceptBroader(concept_id=id_, broader_id=target.id))
    session.flush()
    under = set(with_narrower(session, [target.id]))
    parents = select(ConceptBroader.broader_id).where(ConceptBroader.concept_id == target.id)
    if under & set(session.scalars(parents)):
        raise ConflictingStateError(
            f"Something narrower than {row.key} is broader than {target.key}: "
            "change the hierarchy first.",
        )
    for id_ in above:
        if id_ not in under and not _has_edge(session, target.id, id_):
            session.add(ConceptBroader(concept_id=target.id, broader_id=id_))
    session.flush()
    for changed in (row, target):
        session.refresh(changed, ["broader"])
    for id_ in narrower:
        if id_ != target.id:
            changed = loaded(session, id_)
            changed.version += 1
            changed.updated_at = utc_now()
            note_event(session, draft, "concept", changed, "updated")


def _has_edge(session: Session, concept_id: int, broader_id: int) -> bool:
    return session.get(ConceptBroader, (concept_id, broader_id)) is not None


def _move_words(row: Concept, target: Concept) -> None:
    """Other words and external ids of the source become the target's."""
    known = {folded(target.label)}
    terms = []
    for term in [
        *(one.term for one in target.synonyms),
        row.label,
        *(s.term for s in row.synonyms),
    ]:
        if folded(term) not in known:
            known.add(folded(term))
            terms.append(term)
    xrefs = {xref.curie: xref.fit for xref in [*row.xrefs, *target.xrefs]}
    own = [xref.curie for xref in target.xrefs]
    write_synonyms(row, [])
    write_xrefs(row, [])
    write_synonyms(target, terms)
    order = [*own, *(curie for curie in xrefs if curie not in own)]
    write_xrefs(target, [(curie, xrefs[curie]) for curie in order])
