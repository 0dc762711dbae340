from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.models import StoredVocabulary
from app.queries.records import vocabulary_record
from app.vocabulary import Vocabulary


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
