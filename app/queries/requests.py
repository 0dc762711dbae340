"""What requests were answered, to be answered the same again."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import IdempotentAnswer
from app.models.base import utc_now

KEPT_FOR = timedelta(days=7)


def find_answer(session: Session, account: str, key: str) -> IdempotentAnswer | None:
    return session.scalar(
        select(IdempotentAnswer).where(
            IdempotentAnswer.account == account,
            IdempotentAnswer.key == key,
            IdempotentAnswer.created_at >= utc_now() - KEPT_FOR,
        ),
    )
