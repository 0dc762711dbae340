from typing import Annotated, Literal

from pydantic import Field

from app.schemas.base import Out
from app.schemas.claims import ScopeOut
from app.schemas.shared import ConceptRef, Exclusions, Moment
from app.vocabulary import Certainty, Exclusivity, Frequency, Polarity, Policy, Severity


class MatrixQuery(Exclusions):
    by: Annotated[
        Literal["passage", "document"],
        Field(description="What the columns are."),
    ] = "passage"


class QuestionHeading(Out):
    question: str
    type: str
    asks: str
    policy: Policy
    subject: Annotated[
        ConceptRef | None,
        Field(description="What the answers are about; null means the condition itself."),
    ]
    conflicts: Annotated[list[str], Field(description="Open conflicts that answers are in.")]
    severity: Annotated[Severity, Field(description="The strongest clash of any answer.")]


class CellAnswer(Out):
    claim: str
    label: str
    polarity: Polarity
    scope: ScopeOut | None
    certainty: Certainty
    frequency: Frequency
    exclusivity: Exclusivity
    severity: Severity


class Cell(Out):
    column: str
    answers: list[CellAnswer]


class MatrixRow(QuestionHeading):
    cells: Annotated[list[Cell], Field(description="Only of sources that say something.")]


class MatrixColumn(Out):
    id: str
    key: str
    heading: str | None
    document: str
    title: str


class Matrix(Out):
    """Questions by sources: who says what, and where they part."""

    by: Literal["passage", "document"]
    columns: list[MatrixColumn]
    rows: list[MatrixRow]
    truncated: bool
    as_of: Moment


class Answer(Out):
    claim: str
    label: str
    polarity: Polarity
    scope: ScopeOut | None
    severity: Severity
    passages: list[str]
    passage_count: int
    document_count: int
    suspected: Annotated[int, Field(description="Citations that only suspect it.")]


class AgreementRow(QuestionHeading):
    passage_count: Annotated[int, Field(description="Passages that answer at all.")]
    answers: Annotated[list[Answer], Field(description="The one with most passages first.")]


class Agreement(Out):
    """For each question, how many passages give each answer."""

    data: list[AgreementRow]
    truncated: bool
    as_of: Moment
