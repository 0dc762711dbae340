"""Many claims at once, cheaply: no revisions, no conflicts, no change of their own."""

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Concept, Condition, Passage
from app.models.base import utc_now
from app.vocabulary import (
    Certainty,
    ClaimStatus,
    Exclusivity,
    Frequency,
    Polarity,
    Severity,
    Verification,
)


def add_claims(session: Session, number: int, *, of: str = "bulk") -> None:
    """Published claims about milia, each with two citations of the first passage."""
    condition = session.scalars(select(Condition.id).where(Condition.slug == "milia")).one()
    concept = session.scalars(select(Concept.id).order_by(Concept.id).limit(1)).one()
    passage = session.scalars(select(Passage.id).order_by(Passage.id).limit(1)).one()
    now = utc_now()
    rows = [
        {
            "key": f"{of}/{place}",
            "condition_id": condition,
            "question": "symptom.reported",
            "type": "symptom",
            "statement": f"Statement {place} of {of}, which is as long as statements are.",
            "concept_id": concept,
            "polarity": Polarity.affirms,
            "identity": f"{of}-{place}",
            "status": ClaimStatus.published,
            "severity": Severity.none,
            "conflict": False,
            "passage_count": 1,
            "document_count": 1,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for place in range(number)
    ]
    session.execute(insert(Claim), rows)
    ids = session.scalars(select(Claim.id).where(Claim.key.startswith(f"{of}/"))).all()
    citations = [
        {
            "claim_id": id_,
            "passage_id": passage,
            "position": position,
            "start": position,
            "end": position + 1,
            "quote": "x",
            "certainty": Certainty.asserted,
            "frequency": Frequency.unspecified,
            "exclusivity": Exclusivity.unspecified,
            "verification": Verification.unverified,
        }
        for id_ in ids
        for position in (0, 1)
    ]
    session.execute(insert(Citation), citations)
    session.flush()
