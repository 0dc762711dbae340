"""Work that waits for somebody: what is in review, proposed, orphaned, stale or pending."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Condition, Conflict, Proposal
from app.queries.conflicts import conflict_records
from app.queries.eligible import concept_hierarchy, eligible_claims
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.proposals import proposal_records
from app.queries.records import Record, claim_records
from app.queries.view import hidden_claims
from app.schemas.queue import QueueKind
from app.vocabulary import ClaimStatus, Verification, Vocabulary

LIVE = (ClaimStatus.draft, ClaimStatus.in_review, ClaimStatus.published)
UNPUBLISHED = (ClaimStatus.draft, ClaimStatus.in_review)
# Pending conflicts are computed on demand: at most for so many conditions in one count.
MAX_CONDITIONS = 20


def count_queue(session: Session, vocabulary: Vocabulary) -> list[Record]:
    """How much waits of each kind. ``total_is_exact``: whether all conditions were computed."""
    rows = []
    for kind, (id_, clauses) in _LISTS.items():
        total = session.scalar(select(func.count(id_)).where(*clauses()))
        rows.append(_count(kind, total or 0, is_exact=True))
    conditions = session.scalars(_conditions_with_drafts().limit(MAX_CONDITIONS + 1)).all()
    pending = [
        conflict
        for condition_id in conditions[:MAX_CONDITIONS]
        for conflict in _pending_of(session, condition_id, vocabulary)
    ]
    is_exact = len(conditions) <= MAX_CONDITIONS
    return [*rows, _count(QueueKind.pending_conflicts, len(pending), is_exact=is_exact)]


def _count(kind: QueueKind, total: int, *, is_exact: bool) -> Record:
    return {
        "kind": kind.value,
        "total": total,
        "total_is_exact": is_exact,
        "href": f"/queue/{kind.value}",
    }


def list_queue(session: Session, kind: QueueKind, at: PageAt, vocabulary: Vocabulary) -> Page:
    """A page of what waits, the oldest first. Of pending conflicts a row is a condition."""
    if kind is QueueKind.pending_conflicts:
        return _list_pending(session, at, vocabulary)
    id_, clauses = _LISTS[kind]
    listing = Listing(f"/queue/{kind.value}", {}, id_, (Order(id_),))
    found = read_slice(session, listing, clauses(), at)
    rows = _ROWS[kind](session, found.ids)
    return Page.of(found, [{"kind": kind.value, **rows[id_]} for id_ in found.ids], at, {})


def _list_pending(session: Session, at: PageAt, vocabulary: Vocabulary) -> Page:
    path = f"/queue/{QueueKind.pending_conflicts.value}"
    listing = Listing(path, {}, Condition.id, (Order(Condition.id),))
    clauses = [Condition.id.in_(_conditions_with_drafts())]
    at = PageAt(min(at.limit, MAX_CONDITIONS), at.cursor)
    found = read_slice(session, listing, clauses, at)
    names = select(Condition.id, Condition.slug).where(Condition.id.in_(found.ids))
    slugs = dict(session.execute(names).all())
    data = [
        {
            "kind": QueueKind.pending_conflicts.value,
            "condition": slugs[id_],
            "conflicts": _pending_of(session, id_, vocabulary),
        }
        for id_ in found.ids
    ]
    return Page.of(found, data, at, {})


def _conditions_with_drafts() -> Any:
    waiting = select(Claim.condition_id).where(hidden_claims(), Claim.status.in_(UNPUBLISHED))
    return waiting.distinct().order_by(Claim.condition_id)


def _pending_of(session: Session, condition_id: int, vocabulary: Vocabulary) -> list[Record]:
    """The conflicts that would open if all that waits were published."""
    slug = session.scalars(select(Condition.slug).where(Condition.id == condition_id)).one()
    claims = eligible_claims(session, condition_id, LIVE)
    result = rules.compute_conflicts(
        claims,
        vocabulary,
        concept_hierarchy(session, claims),
        condition=slug,
    )
    present = set(
        session.scalars(
            select(Conflict.key).where(
                Conflict.condition_id == condition_id,
                Conflict.status == "open",
            ),
        ),
    )
    return [
        {
            "key": conflict.key,
            "kind": conflict.kind,
            "severity": conflict.severity.value,
            "explanation": conflict.explanation,
            "claims": [claim for claim, _ in conflict.severities],
        }
        for conflict in result.conflicts
        if conflict.key not in present
    ]


def _claims(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    records = claim_records(session, ids)
    return {
        id_: {
            "id": record["id"],
            "version": record["version"],
            "condition": record["condition"]["slug"],
            "question": record["question"],
            "statement": record["statement"],
            "updated_at": record["updated_at"],
            "href": f"/claims/{record['id']}",
        }
        for id_, record in records.items()
    }


def _citations(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    known = select(Citation.id, Citation.claim_id).where(Citation.id.in_(ids))
    claims = dict(session.execute(known).all())
    records = claim_records(session, sorted(set(claims.values())))
    found = {}
    for id_, claim_id in claims.items():
        record, name = records[claim_id], public_id(Prefix.citation, id_)
        [cited] = [citation for citation in record["citations"] if citation["id"] == name]
        found[id_] = {
            "claim": record["id"],
            "version": record["version"],
            "citation": cited,
            "href": f"/claims/{record['id']}",
        }
    return found


def _conflicts(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    records = conflict_records(session, ids)
    return {
        id_: {
            "id": record["id"],
            "version": record["version"],
            "condition": record["condition"]["slug"],
            "question": record["question"],
            "explanation": record["explanation"],
            "decision": record["decision"],
            "href": f"/conflicts/{record['id']}",
        }
        for id_, record in records.items()
    }


def _proposals(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    records = proposal_records(session, ids)
    return {id_: {**one, "href": f"/proposals/{one['id']}"} for id_, one in records.items()}


Clauses = list[ColumnElement[bool]]


def _citing(verification: Verification) -> Callable[[], Clauses]:
    live = select(Claim.id).where(Claim.status.in_(LIVE))
    return lambda: [Citation.verification == verification, Citation.claim_id.in_(live)]


_LISTS: dict[QueueKind, tuple[Any, Callable[[], Clauses]]] = {
    QueueKind.drafts: (Claim.id, lambda: [hidden_claims(), Claim.status == ClaimStatus.draft]),
    QueueKind.in_review: (
        Claim.id,
        lambda: [hidden_claims(), Claim.status == ClaimStatus.in_review],
    ),
    QueueKind.proposals: (Proposal.id, lambda: [Proposal.status == "open"]),
    QueueKind.orphaned: (Citation.id, _citing(Verification.orphaned)),
    QueueKind.unverified: (Citation.id, _citing(Verification.unverified)),
    QueueKind.stale_decisions: (
        Conflict.id,
        lambda: [Conflict.status == "open", Conflict.decision_status == "stale"],
    ),
}
_ROWS: dict[QueueKind, Callable[[Session, Sequence[int]], dict[int, Record]]] = {
    QueueKind.drafts: _claims,
    QueueKind.in_review: _claims,
    QueueKind.proposals: _proposals,
    QueueKind.orphaned: _citations,
    QueueKind.unverified: _citations,
    QueueKind.stale_decisions: _conflicts,
}
