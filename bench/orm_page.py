"""The page of a condition as most applications would make it: ORM objects with selectinload,
checked and written by ``response_model``. For P2; the base is CLAIMBASE_DATABASE_URL."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import (
    Mapped,
    Session,
    joinedload,
    registry,
    relationship,
    selectinload,
)

from app import models
from app.config import get_settings
from app.db import make_engine
from app.vocabulary import ClaimStatus, Polarity, Severity

mapped = registry(metadata=models.Model.metadata)


@mapped.mapped
class Concept:
    __table__ = models.Concept.__table__


@mapped.mapped
class Document:
    __table__ = models.Document.__table__
    passages: Mapped[list["Passage"]] = relationship(viewonly=True)


@mapped.mapped
class Passage:
    __table__ = models.Passage.__table__
    document: Mapped[Document] = relationship(viewonly=True)


@mapped.mapped
class Citation:
    __table__ = models.Citation.__table__
    passage: Mapped[Passage] = relationship(viewonly=True)


@mapped.mapped
class Conflict:
    __table__ = models.Conflict.__table__


@mapped.mapped
class ConflictClaim:
    __table__ = models.ConflictClaim.__table__
    conflict: Mapped[Conflict] = relationship(viewonly=True)


@mapped.mapped
class Claim:
    __table__ = models.Claim.__table__
    concept: Mapped[Concept | None] = relationship(
        viewonly=True, foreign_keys=models.Claim.concept_id
    )
    subject: Mapped[Concept | None] = relationship(
        viewonly=True, foreign_keys=models.Claim.subject_id
    )
    citations: Mapped[list[Citation]] = relationship(viewonly=True)
    conflict_claims: Mapped[list[ConflictClaim]] = relationship(viewonly=True)


@mapped.mapped
class Condition:
    __table__ = models.Condition.__table__
    claims: Mapped[list[Claim]] = relationship(viewonly=True)
    conflicts: Mapped[list[Conflict]] = relationship(viewonly=True)


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ConceptOut(Out):
    key: str
    label: str


class DocumentRef(Out):
    id: int
    key: str
    title: str


class PassageOut(Out):
    id: int
    key: str
    heading: str | None
    document: DocumentRef


class CitationOut(Out):
    id: int
    passage: PassageOut
    start: int | None
    end: int | None
    quote: str | None
    locator: str | None
    certainty: str
    frequency: str
    exclusivity: str
    hedge: str | None
    subject_words: str | None
    verification: str


class ConflictRef(Out):
    id: int
    kind: str
    effective: Severity


class ConflictClaimOut(Out):
    side: int
    severity: Severity
    conflict: ConflictRef


class ClaimOut(Out):
    id: int
    key: str
    version: int
    status: ClaimStatus
    type: str
    question: str
    statement: str
    subject: ConceptOut | None
    concept: ConceptOut | None
    quantity_low: float | None
    quantity_high: float | None
    quantity_unit: str | None
    quantity_as_said: str | None
    words: str | None
    polarity: Polarity
    age_low: float | None
    age_high: float | None
    citations: list[CitationOut]
    conflict: bool
    severity: Severity
    conflict_claims: list[ConflictClaimOut]
    passage_count: int
    document_count: int
    created_at: datetime
    updated_at: datetime


class ConflictOut(Out):
    id: int
    key: str
    version: int
    status: str
    rule: str
    kind: str
    question: str
    computed: Severity
    effective: Severity
    explanation: str
    body: dict[str, Any]
    fingerprint: str
    decision: dict[str, Any] | None
    decision_status: str
    created_at: datetime
    updated_at: datetime


class PageOut(Out):
    id: int
    slug: str
    version: int
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    claims: list[ClaimOut]
    conflicts: list[ConflictOut]


engine = make_engine(get_settings().database_url)
app = FastAPI()


def open_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@app.get("/conditions/{slug}", response_model=PageOut)
def read_condition(slug: str, session: Annotated[Session, Depends(open_session)]) -> Condition:
    claims = selectinload(Condition.claims)
    cited = claims.selectinload(Claim.citations)
    return session.scalars(
        select(Condition)
        .where(Condition.__table__.c.slug == slug)
        .options(
            claims.options(joinedload(Claim.concept), joinedload(Claim.subject)),
            cited.selectinload(Citation.passage).selectinload(Passage.document),
            claims.selectinload(Claim.conflict_claims).selectinload(ConflictClaim.conflict),
            selectinload(Condition.conflicts),
        )
    ).one()
