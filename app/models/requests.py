"""Requests that are remembered: answers to repeat, and bulk imports."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model, Slug


class IdempotentAnswer(Model):
    """What a request with an ``Idempotency-Key`` was answered, to be answered again.

    ``digest`` is of method, address and body: the same key with another request is refused.
    Written in the transaction of the change, so that it is there exactly if the change is.
    """

    __tablename__ = "idempotent_answers"
    __table_args__ = (Index("ix_idempotent_answers_created_at", "created_at"),)

    account: Mapped[Slug] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class Import(Model):
    """A bulk import that was applied, with its counts; ``digest`` is of the lines."""

    __tablename__ = "imports"

    id: Mapped[IntPK]
    account: Mapped[Slug]
    digest: Mapped[str] = mapped_column(String(64))
    report: Mapped[dict[str, Any]]
    change: Mapped[int | None] = mapped_column(ForeignKey("changes.number"))
    created_at: Mapped[datetime]
