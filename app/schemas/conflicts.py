from typing import Annotated, Literal

from pydantic import Field

from app.schemas.base import Out
from app.schemas.shared import (
    MAX_VALUES,
    QUESTIONS,
    ConceptRef,
    ConditionRef,
    Exclusions,
    ListOut,
    Moment,
    NameIn,
    PageIn,
    Time,
)
from app.vocabulary import DecisionKind, Polarity, Rule, Severity


class ConflictFilters(PageIn, Exclusions):
    """A repeated key is OR, different keys are AND."""

    condition: Annotated[
        list[NameIn],
        Field(max_length=MAX_VALUES, description="Slug or alias.", examples=[["milia"]]),
    ] = []
    question: Annotated[
        list[Literal[*QUESTIONS]],  # type: ignore[valid-type]
        Field(max_length=MAX_VALUES, description="See `/vocabulary`.", examples=[["cause.origin"]]),
    ] = []
    subject: Annotated[list[NameIn], Field(max_length=MAX_VALUES, description="A concept.")] = []
    rule: Annotated[list[Rule], Field(max_length=MAX_VALUES)] = []
    severity: Annotated[
        list[Severity],
        Field(max_length=MAX_VALUES, description="The effective one."),
    ] = []
    conflict: Annotated[
        bool | None,
        Field(description="Whether it is flagged: from disagreement upwards."),
    ] = None
    status: Annotated[
        Literal["open", "closed", "stale"],
        Field(
            description="The open ones by default; `stale`: open, with a decision that no longer "
            "fits what it judged.",
        ),
    ] = "open"


class SideOut(Out):
    """One answer: who gives it. Passages and documents by id, earliest first."""

    label: str
    question: str
    polarity: Polarity
    claims: list[str]
    passages: list[str]
    documents: list[str]


class ClashOut(Out):
    """Two sides that cannot both stand, by their place in `sides`, and what lowered it."""

    sides: tuple[int, int]
    severity: Severity
    reasons: list[str]


class ConflictSeverity(Out):
    computed: Annotated[Severity, Field(description="What the rules say.")]
    effective: Annotated[Severity, Field(description="What holds after a curator's decision.")]


class ClaimSeverity(Out):
    claim: Annotated[str, Field(examples=["CLM42"])]
    severity: Severity


class DecisionOut(Out):
    """A curator's word on a conflict. `drifted`: a citation on one of its sides came or went
    since, which does not make it stale."""

    kind: DecisionKind
    reason_code: str
    words: str
    decided_at: Time
    fingerprint: Annotated[str, Field(description="Of the conflict as it was judged.")]
    basis: Annotated[list[str], Field(description="The citations that it was judged by.")]
    drifted: bool
    severity: Annotated[Severity | None, Field(description="As asserted.")]
    claims: Annotated[list[str], Field(description="As asserted; otherwise empty.")]


class ConflictBrief(Out):
    """What is needed to show the other sides wherever one of them is shown."""

    id: Annotated[str, Field(examples=["CNF3"])]
    question: str
    kind: str
    severity: ConflictSeverity
    explanation: str
    sides: list[SideOut]


class ConflictOut(Out):
    """Claims of one condition that cannot all stand."""

    id: Annotated[str, Field(examples=["CNF3"])]
    key: str
    version: int
    status: Annotated[str, Field(examples=["open"])]
    condition: ConditionRef
    rule: Rule
    kind: str
    question: str
    subject: ConceptRef | None
    severity: ConflictSeverity
    conflict: Annotated[bool, Field(description="True from disagreement upwards.")]
    explanation: str
    sides: list[SideOut]
    clashes: list[ClashOut]
    compatible: Annotated[
        list[str],
        Field(description="Claims whose broader value clashes with no side."),
    ]
    pivotal: Annotated[
        list[str],
        Field(description="Passages without which it would not be flagged."),
    ]
    scope_explained: Annotated[
        list[tuple[str, str]],
        Field(description="Pairs of claims that differ, but about cases that cannot be the same."),
    ]
    severities: Annotated[
        list[ClaimSeverity],
        Field(description="Of each claim's own clashes in it, as the rules say."),
    ]
    fingerprint: Annotated[
        str,
        Field(description="Changes with what a decision judges: values, polarity, scope, hedges."),
    ]
    decision: DecisionOut | None
    decision_status: Annotated[
        Literal["none", "standing", "stale"],
        Field(description="`stale`: what it judged has changed, and the computed flag is back."),
    ]
    vocabulary_version: int
    created_at: Time
    updated_at: Time


class OneConflict(ConflictOut):
    as_of: Moment


class ConflictList(ListOut[ConflictOut]):
    pass
