from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IntPK, Model, Slug

# One letter can fold to eighteen; what does not fit is cut off.
FOLDED = 400


class Concept(Model):
    """A thing that claims speak of: a gene, a substance, a procedure, a site, a group.

    One that was merged into another keeps its row, and its key leads there.
    """

    __tablename__ = "concepts"

    id: Mapped[IntPK]
    key: Mapped[Slug] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40), index=True)
    description: Mapped[str | None] = mapped_column(Text)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    synonyms: Mapped[list["ConceptSynonym"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="ConceptSynonym.position",
    )
    broader: Mapped[list["ConceptBroader"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        foreign_keys="ConceptBroader.concept_id",
        order_by="ConceptBroader.broader_id",
    )
    xrefs: Mapped[list["ConceptXref"]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by="ConceptXref.position",
    )


class ConceptSynonym(Model):
    """Another word for a concept; ``folded`` is what it is looked up by."""

    __tablename__ = "concept_synonyms"

    concept_id: Mapped[int] = mapped_column(
        ForeignKey("concepts.id", ondelete="CASCADE"),
        primary_key=True,
    )
    term: Mapped[str] = mapped_column(String(200), primary_key=True)
    folded: Mapped[str] = mapped_column(String(FOLDED), index=True)
    position: Mapped[int]


class ConceptBroader(Model):
    """``concept`` is a kind of ``broader``, or a level below it."""

    __tablename__ = "concept_broader"

    concept_id: Mapped[int] = mapped_column(
        ForeignKey("concepts.id", ondelete="CASCADE"),
        primary_key=True,
    )
    broader_id: Mapped[int] = mapped_column(
        ForeignKey("concepts.id"),
        primary_key=True,
        index=True,
    )


class ConceptXref(Model):
    """An external identifier (CURIE) and how well it fits: exact, close, broad, narrow."""

    __tablename__ = "concept_xrefs"

    concept_id: Mapped[int] = mapped_column(
        ForeignKey("concepts.id", ondelete="CASCADE"),
        primary_key=True,
    )
    curie: Mapped[str] = mapped_column(String(80), primary_key=True, index=True)
    fit: Mapped[str] = mapped_column(String(8))
    position: Mapped[int]
