from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model

EVERYTHING_ELSE = 0


class ConditionStamp(Model):
    """A number that is another one after each change of what is answered about a condition.

    Row 0 stands for what answers about every condition may be made of: names, documents,
    passages, concepts. On SQLite triggers draw the number in each statement, whoever sends it;
    on PostgreSQL there are none, because writers would wait for each other at these rows: see
    ``touched_conditions``.
    """

    __tablename__ = "condition_stamps"

    condition_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    stamp: Mapped[int] = mapped_column(BigInteger)
