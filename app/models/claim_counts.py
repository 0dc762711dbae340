from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model
from app.vocabulary import Polarity, Severity


class ClaimCount(Model):
    """How many published claims have these values: the sum of ``number`` over such rows.

    Triggers keep it in the transaction of each change of the table of claims. On SQLite there
    is one row for each combination; on PostgreSQL rows are added, so that writers never wait
    for each other here, and ``app.commands.counts`` joins them now and then.
    """

    __tablename__ = "claim_counts"
    __table_args__ = (Index("ix_claim_counts_values", "type", "question", "polarity", "severity"),)

    id: Mapped[IntPK]
    type: Mapped[str] = mapped_column(String(80))
    question: Mapped[str] = mapped_column(String(80))
    polarity: Mapped[Polarity]
    severity: Mapped[Severity]
    number: Mapped[int]
