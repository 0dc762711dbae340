from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model, key_text
from app.vocabulary import Severity


class Conflict(Model):
    """Claims of one condition that cannot all stand, under a key that outlives them.

    ``computed`` is what the rules say, ``effective`` what holds after a curator's decision.
    A closed conflict keeps its row, so that its id comes back with it. ``body`` holds the
    sides, which of them clash and how, compatible claims and pivotal passages.
    """

    __tablename__ = "conflicts"
    __table_args__ = (
        Index("ix_conflicts_condition_id_status", "condition_id", "status"),
        Index("ix_conflicts_decision_status", "decision_status"),
    )

    id: Mapped[IntPK]
    condition_id: Mapped[int] = mapped_column(ForeignKey("conditions.id"))
    key: Mapped[str] = mapped_column(key_text(400), unique=True)
    rule: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(80))
    question: Mapped[str] = mapped_column(String(80), index=True)
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    computed: Mapped[Severity]
    effective: Mapped[Severity]
    status: Mapped[str] = mapped_column(String(8))  # open, closed
    # Kind, reason code, words, what was judged, and whether that still stands; see
    # app.commands.decisions. ``decision_status``: none, standing, stale.
    decision: Mapped[dict[str, Any] | None]
    decision_status: Mapped[str] = mapped_column(
        String(8),
        default="none",
        server_default="none",
    )
    explanation: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, Any]]
    fingerprint: Mapped[str] = mapped_column(String(64))
    vocabulary_number: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ConflictClaim(Model):
    """A claim on a side of an open conflict (sides are numbered from 0).

    ``severity`` is that of the claim's own strongest clash within this conflict.
    """

    __tablename__ = "conflict_claims"

    conflict_id: Mapped[int] = mapped_column(
        ForeignKey("conflicts.id", ondelete="CASCADE"),
        primary_key=True,
    )
    claim_id: Mapped[int] = mapped_column(
        ForeignKey("claims.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    )
    side: Mapped[int] = mapped_column(primary_key=True)
    severity: Mapped[Severity]
