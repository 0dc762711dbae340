from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Model

FORGOTTEN = text("body IS NULL")


class WrittenClaim(Model):
    """The record of a claim as JSON, so that a list has not to put it together each time.

    Triggers forget it (``body`` is empty) in each statement, whoever sends it, that changes
    something it says: the claim, its citations, the names of what it refers to. The change that
    did it writes it anew at its end. Where it is missing, readers make the record of its rows.
    """

    __tablename__ = "written_claims"
    __table_args__ = (
        Index(
            "ix_written_claims_forgotten",
            "claim_id",
            sqlite_where=FORGOTTEN,
            postgresql_where=FORGOTTEN,
        ),
    )

    claim_id: Mapped[int] = mapped_column(
        BigId,
        ForeignKey("claims.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    body: Mapped[str | None] = mapped_column(Text)
