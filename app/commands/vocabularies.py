from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.commands.written import keep_records
from app.errors import SeedError
from app.models import Claim, StoredVocabulary
from app.models.base import utc_now
from app.models.claims import LIVE_CLAUSE
from app.queries.records import claim_records, vocabulary_record
from app.vocabulary import Vocabulary

RETYPED = "retyped"


def store_vocabulary(session: Session, vocabulary: Vocabulary, draft: ChangeDraft) -> bool:
    """Make the base's vocabulary this one; whether that changed anything."""
    row = session.scalar(select(StoredVocabulary).with_for_update())
    action = "created" if row is None else "updated"
    if row is None:
        row = StoredVocabulary(version=0)
        session.add(row)
    elif row.digest == vocabulary.digest:
        return False
    row.number = vocabulary.version
    row.digest = vocabulary.digest
    row.body = vocabulary.model_dump(mode="json")
    row.version += 1
    session.flush()
    draft.events.append(
        Event("vocabulary", row.id, row.version, action, vocabulary_record(row)),
    )
    return True


def retype_claims(session: Session, vocabulary: Vocabulary, draft: ChangeDraft) -> None:
    """Give every live claim the type that its question has now.

    Raises SeedError where the vocabulary has lost a question that claims answer.
    """
    used = session.execute(select(Claim.question, Claim.type).where(LIVE_CLAUSE).distinct())
    for question, type_ in sorted(used.all()):
        row = vocabulary.question_by_key.get(question)
        if row is None:
            raise SeedError(f"The vocabulary has no question {question}, but claims answer it.")
        if row.type == type_:
            continue
        claims = session.scalars(
            select(Claim).where(LIVE_CLAUSE, Claim.question == question, Claim.type == type_),
        ).all()
        for claim in claims:
            claim.type = row.type
            claim.version += 1
            claim.updated_at = utc_now()
        session.flush()
        records = claim_records(session, [claim.id for claim in claims])
        keep_records(session, records)
        draft.events += [
            Event("claim", claim.id, claim.version, RETYPED, records[claim.id], claim.condition_id)
            for claim in claims
        ]
