from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import StoredVocabulary


def stored_vocabulary_digest(session: Session) -> str | None:
    """The digest of the vocabulary that the base's conflicts were computed with."""
    return session.scalar(select(StoredVocabulary.digest))
