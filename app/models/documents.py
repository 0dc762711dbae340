from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IntPK, Model, Slug
from app.vocabulary import DocumentStatus


class Document(Model):
    """A text as retrieved. ``length`` counts Unicode code points.

    ``family`` names a common origin of several documents. ``uncited`` lists the sentences
    that carry no claim, each ``{start, end, reason}``. ``text_held``: the text of this ``sha256``
    may be kept, and is in ``document_texts``.
    ``replaced_by_id`` names the document that supersedes this one, or that it was ``merged``
    into: then its address leads there.
    """

    __tablename__ = "documents"

    id: Mapped[IntPK]
    key: Mapped[Slug] = mapped_column(unique=True)
    title: Mapped[str] = mapped_column(String(500))
    url: Mapped[str | None] = mapped_column(String(2000))
    publisher: Mapped[str | None] = mapped_column(String(200))
    family: Mapped[str | None] = mapped_column(String(80), index=True)
    language: Mapped[str | None] = mapped_column(String(35))
    licence: Mapped[str | None] = mapped_column(String(200))
    published_on: Mapped[date | None]
    retrieved_on: Mapped[date | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    length: Mapped[int | None]
    text_held: Mapped[bool] = mapped_column(default=False, server_default=false())
    uncited: Mapped[list[Any]]
    status: Mapped[DocumentStatus] = mapped_column(default=DocumentStatus.active)
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    merged: Mapped[bool] = mapped_column(default=False, server_default=false())
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    passages: Mapped[list["Passage"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="Passage.position",
    )


class Passage(Model):
    """A part of a document with one voice; ``start`` and ``end`` in code points, half-open."""

    __tablename__ = "passages"
    __table_args__ = (
        UniqueConstraint("document_id", "key"),
        CheckConstraint('0 <= start AND start < "end"', name="span"),
    )

    id: Mapped[IntPK]
    document_id: Mapped[int] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    key: Mapped[Slug]
    position: Mapped[int]
    heading: Mapped[str | None] = mapped_column(String(500))
    start: Mapped[int]
    end: Mapped[int]


class DocumentText(Model):
    """A text by the SHA-256 of its UTF-8; kept for ever, because old citations quote it."""

    __tablename__ = "document_texts"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
