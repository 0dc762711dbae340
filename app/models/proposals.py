from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model, Slug


class Proposal(Model):
    """A change to a published claim that waits for a curator.

    ``patch`` is a JSON merge patch of the claim as its version ``claim_version`` was;
    ``status`` is open, accepted, declined, withdrawn or superseded (a rival was accepted).
    """

    __tablename__ = "proposals"
    __table_args__ = (Index("ix_proposals_status", "status", "id"),)

    id: Mapped[IntPK]
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), index=True)
    claim_version: Mapped[int]
    author: Mapped[Slug]
    patch: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    verdict: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
