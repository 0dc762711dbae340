from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IntPK, Model, Slug


class Condition(Model):
    """What claims are about."""

    __tablename__ = "conditions"

    id: Mapped[IntPK]
    slug: Mapped[Slug] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    aliases: Mapped[list["ConditionAlias"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="ConditionAlias.slug",
    )
    xrefs: Mapped[list["ConditionXref"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="ConditionXref.position",
    )


class ConditionAlias(Model):
    """Another slug of a condition; it leads there by 308. ``name`` is how people write it."""

    __tablename__ = "condition_aliases"

    slug: Mapped[Slug] = mapped_column(primary_key=True)
    condition_id: Mapped[int] = mapped_column(
        ForeignKey("conditions.id", ondelete="CASCADE"),
        index=True,
    )
    name: Mapped[str] = mapped_column(String(200))


class ConditionXref(Model):
    """An external identifier (CURIE) and how well it fits: exact, close, broad, narrow."""

    __tablename__ = "condition_xrefs"

    condition_id: Mapped[int] = mapped_column(
        ForeignKey("conditions.id", ondelete="CASCADE"),
        primary_key=True,
    )
    curie: Mapped[str] = mapped_column(String(80), primary_key=True, index=True)
    fit: Mapped[str] = mapped_column(String(8))
    position: Mapped[int]
