"""What happened: numbered changes, and what each did to each record."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, IntPK, Model

# On PostgreSQL each change sends its number there with its commit.
COMMITS_CHANNEL = "claimbase_changes"


class Change(Model):
    """One committed transaction. Numbers have no gaps and follow the order of commits.

    ``actor`` is an account's name, ``key_id`` the key that it showed. ``digest`` chains the
    change to the one before it: SHA-256 of that one's digest and of all that this one did.
    """

    __tablename__ = "changes"

    number: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    origin: Mapped[str] = mapped_column(String(16))  # seed, person, import, system
    actor: Mapped[str] = mapped_column(String(80))
    key_id: Mapped[str | None] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64), server_default=text("''"))


class Revision(Model):
    """A record as one change left it. Rows are added; only ``until_change`` is set later.

    ``snapshot`` is the record without computed fields, ``until_change`` the change that
    made the next version, so that the state at change N is ``change <= N < until_change``.
    """

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("record_type", "record_id", "version"),
        UniqueConstraint("change", "event"),
        Index("ix_revisions_condition_id_record_type", "condition_id", "record_type", "change"),
        CheckConstraint("version > 0", name="version_positive"),
    )

    id: Mapped[IntPK]
    record_type: Mapped[str] = mapped_column(String(16))
    record_id: Mapped[int] = mapped_column(BigId)
    version: Mapped[int]
    change: Mapped[int] = mapped_column(ForeignKey("changes.number"))
    event: Mapped[int]
    until_change: Mapped[int | None] = mapped_column(ForeignKey("changes.number"))
    condition_id: Mapped[int | None] = mapped_column(ForeignKey("conditions.id"))
    action: Mapped[str] = mapped_column(String(24))
    snapshot: Mapped[dict[str, Any]]
