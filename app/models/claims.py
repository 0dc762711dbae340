from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import IntPK, Key, Model
from app.models.citations import Citation
from app.vocabulary import ClaimStatus, Polarity, ScopePart, Severity

LIVE_CLAUSE = text("status IN ('draft', 'in_review', 'published')")


def _where(clause: str) -> dict[str, Any]:
    """The condition of a partial index, in both dialects."""
    return {"sqlite_where": text(clause), "postgresql_where": text(clause)}


def _public(*columns: str) -> Index:
    """For lists of what is published, in the order of ids among equals."""
    name = f"ix_claims_public_{'_'.join(columns)}"
    return Index(name, *columns, "id", **_where("status = 'published'"))


def _named(column: str) -> Index:
    """For the few claims that have a value there."""
    return Index(f"ix_claims_{column}", column, **_where(f"{column} IS NOT NULL"))


class Claim(Model):
    """One statement about a condition, whoever says it; who does is in its citations.

    ``subject`` is empty where the claim is about the condition itself. The value is one of
    concept, quantity (``quantity_as_said`` is always there for one) and words. ``identity``
    is a hash of condition, subject, question, value, polarity and scope. ``severity`` and
    ``conflict`` are computed: those of its conflicts in force; the two counts are of distinct
    citing passages and documents. ``replaced_by_id`` names what a withdrawn claim was replaced
    by; where it was ``merged`` into that, its address leads there.
    """

    __tablename__ = "claims"
    __table_args__ = (
        Index(
            "uq_claims_identity_live",
            "identity",
            unique=True,
            sqlite_where=LIVE_CLAUSE,
            postgresql_where=LIVE_CLAUSE,
        ),
        Index("ix_claims_condition_id_status", "condition_id", "status"),
        _public("type", "conflict"),
        _public("type"),
        _public("question"),
        _public("condition_id", "type", "conflict"),
        _public("conflict"),
        _public("severity"),
        _public("created_at"),
        _public("updated_at"),
        _public("passage_count"),
        _public("document_count"),
        Index("ix_claims_unpublished", "status", "id", **_where("status <> 'published'")),
        *(_named(f"{part}_id") for part in ScopePart),
        CheckConstraint("version > 0", name="version_positive"),
        CheckConstraint(
            "(CASE WHEN concept_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN quantity_as_said IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN words IS NULL THEN 0 ELSE 1 END) = 1",
            name="one_value",
        ),
    )

    id: Mapped[IntPK]
    key: Mapped[Key] = mapped_column(unique=True)
    condition_id: Mapped[int] = mapped_column(ForeignKey("conditions.id"))
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"), index=True)
    question: Mapped[str] = mapped_column(String(80))
    type: Mapped[str] = mapped_column(String(80))
    statement: Mapped[str] = mapped_column(Text)
    concept_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"), index=True)
    quantity_low: Mapped[float | None] = mapped_column(Float(53))
    quantity_high: Mapped[float | None] = mapped_column(Float(53))
    quantity_unit: Mapped[str | None] = mapped_column(String(40))
    quantity_as_said: Mapped[str | None] = mapped_column(String(500))
    words: Mapped[str | None] = mapped_column(Text)
    polarity: Mapped[Polarity]
    population_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    sex_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    severity_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    subtype_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    body_site_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    period_id: Mapped[int | None] = mapped_column(ForeignKey("concepts.id"))
    age_low: Mapped[float | None] = mapped_column(Float(53))
    age_high: Mapped[float | None] = mapped_column(Float(53))
    identity: Mapped[str] = mapped_column(String(64))
    replaced_by_id: Mapped[int | None] = mapped_column(ForeignKey("claims.id"))
    merged: Mapped[bool] = mapped_column(default=False, server_default=false())
    status: Mapped[ClaimStatus]
    conflict: Mapped[bool] = mapped_column(default=False)
    severity: Mapped[Severity] = mapped_column(default=Severity.none)
    passage_count: Mapped[int] = mapped_column(default=0)
    document_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    citations: Mapped[list[Citation]] = relationship(
        lazy="raise",
        cascade="all, delete-orphan",
        order_by=Citation.position,
    )
