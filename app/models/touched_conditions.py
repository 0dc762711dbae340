from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model


class TouchedCondition(Model):
    """That a transaction changed what is answered about a condition; row 0 of
    ``condition_stamps`` says what 0 stands for.

    Written by triggers on PostgreSQL, for each statement, whoever sends it. Rows are added, so
    that nobody waits for anybody; those that every process has seen are deleted. SQLite has none.
    """

    __tablename__ = "touched_conditions"

    written_by: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False
    )  # pg_current_xact_id()
    condition_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
