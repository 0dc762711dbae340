"""Records for tests, made on top of the seeded base; each has a number of its own."""

from collections.abc import Sequence
from itertools import count

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event, finish_change
from app.commands.conflicts import refresh_conflicts
from app.commands.search import index_claims
from app.commands.written import keep_records
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.models.base import utc_now
from app.queries.records import claim_records
from app.vocabulary import (
    Certainty,
    ClaimStatus,
    Exclusivity,
    Frequency,
    Polarity,
    Verification,
    load_vocabulary,
)

_numbers = count(1)


def make_concept(session: Session, **changes: str) -> Concept:
    number = next(_numbers)
    words = {"key": f"made-concept-{number}", "label": f"made concept {number}", "kind": "other"}
    now = utc_now()
    concept = Concept(**(words | changes), version=1, created_at=now, updated_at=now)
    session.add(concept)
    session.flush()
    return concept


def make_claim(
    session: Session,
    *,
    status: ClaimStatus = ClaimStatus.published,
    question: str = "cause.origin",
    concept: Concept | None = None,
    subject: Concept | None = None,
    passages: Sequence[str] = ("p1",),
) -> Claim:
    """A claim about milia, with its first revision; the conflicts of milia are refreshed."""
    number = next(_numbers)
    value = concept or make_concept(session)
    now = utc_now()
    claim = Claim(
        key=f"made/{number}",
        condition_id=session.scalars(select(Condition.id).where(Condition.slug == "milia")).one(),
        subject_id=subject.id if subject else None,
        question=question,
        type=load_vocabulary().question_by_key[question].type,
        statement=f"Made statement {number}.",
        concept_id=value.id,
        polarity=Polarity.affirms,
        identity=f"{number:064}",
        status=status,
        passage_count=len(passages),
        document_count=1,
        version=1,
        created_at=now,
        updated_at=now,
        citations=[
            _citation(session, passage, position) for position, passage in enumerate(passages)
        ],
    )
    session.add(claim)
    record_claim(session, claim)
    return claim


def set_status(session: Session, claim: Claim, status: ClaimStatus) -> None:
    """The next version of a claim, with its revision; its conflicts are refreshed."""
    current = session.get_one(Claim, claim.id)
    current.status = status
    current.version += 1
    current.updated_at = utc_now()
    record_claim(session, current)


def record_claim(session: Session, claim: Claim) -> None:
    """What every command does at its end: the revision, the index, the conflicts, the change."""
    session.flush()
    records = claim_records(session, [claim.id])
    snapshot = records[claim.id]
    keep_records(session, records)
    draft = ChangeDraft("person", "a tester", "claim.made", "For a test.")
    event = Event("claim", claim.id, claim.version, "claim.made", snapshot, claim.condition_id)
    draft.events.append(event)
    index_claims(session, [claim.id])
    refresh_conflicts(session, draft, claim.condition_id, "milia", load_vocabulary())
    finish_change(session, draft)


def claim_id(claim: Claim) -> str:
    return public_id(Prefix.claim, claim.id)


def _citation(session: Session, passage: str, position: int) -> Citation:
    found = session.scalars(
        select(Passage)
        .join(Document, Document.id == Passage.document_id)
        .where(Document.key == "milia-syndrome", Passage.key == passage),
    ).one()
    return Citation(
        passage_id=found.id,
        position=position,
        start=found.start,
        end=found.start + 1,
        quote="x",
        certainty=Certainty.asserted,
        frequency=Frequency.unspecified,
        exclusivity=Exclusivity.unspecified,
        verification=Verification.unverified,
    )
