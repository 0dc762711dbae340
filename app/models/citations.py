from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model
from app.vocabulary import Certainty, Exclusivity, Frequency, Verification


class Citation(Model):
    """One passage saying a claim, with the hedging of this passage.

    Either a span of the document (``start``, ``end`` in code points, half-open, and the
    quoted words), or only a ``locator`` where the text is not at hand.
    """

    __tablename__ = "citations"
    __table_args__ = (
        CheckConstraint(
            '(start IS NULL) = ("end" IS NULL) AND (start IS NULL) = (quote IS NULL)'
            " AND (start IS NOT NULL OR locator IS NOT NULL)",
            name="span_or_locator",
        ),
    )

    id: Mapped[IntPK]
    claim_id: Mapped[int] = mapped_column(
        ForeignKey("claims.id", ondelete="CASCADE"),
        index=True,
    )
    passage_id: Mapped[int] = mapped_column(ForeignKey("passages.id"), index=True)
    position: Mapped[int]
    start: Mapped[int | None]
    end: Mapped[int | None]
    quote: Mapped[str | None] = mapped_column(Text)
    locator: Mapped[str | None] = mapped_column(String(500))
    certainty: Mapped[Certainty]
    frequency: Mapped[Frequency]
    exclusivity: Mapped[Exclusivity]
    hedge: Mapped[str | None] = mapped_column(String(500))
    subject_words: Mapped[str | None] = mapped_column(String(200))
    verification: Mapped[Verification]
