"""Claims: what can be asked of their list, and what is answered."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.base import Out
from app.schemas.conflicts import ConflictBrief
from app.schemas.shared import (
    ConceptRef,
    ConditionRef,
    DocumentRef,
    ListOut,
    Meta,
    Moment,
    PassageRef,
    Time,
    Withdrawal,
)
from app.vocabulary import (
    Certainty,
    ClaimStatus,
    Exclusivity,
    Frequency,
    Polarity,
    Severity,
    Verification,
)


class QuantityOut(Out):
    """Either end may be open; a vague amount has only the words."""

    low: float | None
    high: float | None
    unit: str | None
    as_said: str


class ScopeOut(Out):
    """The cases or people that the claim is limited to; ages in years."""

    population: ConceptRef | None
    sex: ConceptRef | None
    severity: ConceptRef | None
    subtype: ConceptRef | None
    body_site: ConceptRef | None
    period: ConceptRef | None
    age_low: float | None
    age_high: float | None


class CitationOut(Out):
    """One passage saying the claim. `start` and `end` count Unicode code points from the start
    of the document, half-open; where the text is not at hand there is a `locator` instead."""

    id: Annotated[str, Field(examples=["CIT7"])]
    document: DocumentRef
    passage: PassageRef
    start: int | None
    end: int | None
    quote: str | None
    locator: str | None
    certainty: Certainty
    frequency: Frequency
    exclusivity: Exclusivity
    hedge: Annotated[str | None, Field(description="The words that hedge.")]
    subject_words: Annotated[str | None, Field(description="What the passage calls the condition.")]
    verification: Verification


class ConflictRef(Out):
    id: Annotated[str, Field(examples=["CNF3"])]
    kind: str
    severity: Annotated[Severity, Field(description="Of this claim's own clashes in it.")]


class ClaimBase(Out):
    """What a claim says, without what is computed."""

    id: Annotated[str, Field(examples=["CLM42"])]
    key: str
    version: int
    status: ClaimStatus
    condition: ConditionRef
    type: Annotated[str, Field(examples=["cause"])]
    question: Annotated[str, Field(examples=["cause.origin"])]
    statement: str
    subject: Annotated[
        ConceptRef | None,
        Field(description="What the claim is about; null means the condition itself."),
    ]
    concept: ConceptRef | None
    quantity: QuantityOut | None
    words: str | None
    polarity: Polarity
    scope: ScopeOut | None
    citations: list[CitationOut]
    replaced_by: Annotated[str | None, Field(description="Of a withdrawn claim.")]
    merged: Annotated[
        bool, Field(description="Merged into `replaced_by`; its address leads there.")
    ]
    created_at: Time
    updated_at: Time


Withdrawn = Annotated[
    Withdrawal | None,
    Field(description="Of a claim that is withdrawn today; otherwise null."),
]


class ClaimVersion(ClaimBase):
    """A claim as one version had it, without what is computed."""

    withdrawn: Withdrawn


class Highlight(Out):
    """Where words that were searched for stand. Plain text: offsets, no markup."""

    field: Literal["statement", "label", "quote"]
    text: Annotated[str, Field(description="About 200 code points around the first mark.")]
    marks: Annotated[
        list[tuple[int, int]],
        Field(description="Start and end in `text`, in code points, half-open, in order."),
    ]


class ClaimOut(ClaimBase):
    """A claim with its value (one of concept, quantity, words), citations and flags."""

    conflict: Annotated[bool, Field(description="True from disagreement upwards.")]
    severity: Severity
    conflicts: Annotated[list[ConflictRef], Field(description="Open conflicts that it is in.")]
    passage_count: int
    document_count: int
    highlights: Annotated[
        list[Highlight] | None,
        Field(description="Where the words of `q` stand; null where none was asked for."),
    ]


class IncludedConflicts(Out):
    conflicts: Annotated[
        list[ConflictBrief],
        Field(description="Every open conflict of the claims in `data`, with all its sides."),
    ]


class FacetValue(Out):
    value: Annotated[
        str | bool | int | None,
        Field(description="As the filter takes it; null for claims without one."),
    ]
    count: int
    selected: bool


class Facet(Out):
    values: Annotated[list[FacetValue], Field(description="The commonest first.")]
    values_total: int
    truncated: bool


class SearchTerm(Out):
    """`word`: any form of it; `phrase`: these words as they are; `prefix`: its beginning."""

    text: str
    kind: Literal["word", "phrase", "prefix"]
    excluded: bool


class SearchOut(Out):
    terms: Annotated[
        list[SearchTerm],
        Field(description="All that are not excluded have to be there. None: nothing is found."),
    ]
    is_capped: Annotated[
        bool,
        Field(
            description="More than 10,000 claims fit: the first 10,000 by id are ranked, listed "
            "and counted. Add words or filters, or sort by something else than relevance.",
        ),
    ]


Understood = Annotated[
    SearchOut | None,
    Field(description="How `q` was understood; null without it."),
]


class ClaimsMeta(Meta):
    search: Understood


class ClaimList(ListOut[ClaimOut]):
    meta: ClaimsMeta
    facets: dict[str, Facet] | None
    included: IncludedConflicts | None


def _is_partial(schema: dict[str, Any]) -> None:
    schema["required"] = ["id"]


class ClaimPart(ClaimOut):
    """The parts of a claim that `fields` names, and its id."""

    model_config = ConfigDict(json_schema_extra=_is_partial)


class ClaimPartList(ListOut[ClaimPart]):
    """With `fields`: claims with these parts only."""

    meta: ClaimsMeta
    facets: dict[str, Facet] | None
    included: IncludedConflicts | None


class Group(Out):
    key: dict[str, str | bool | int | None]
    count: int


class GroupsMeta(Out):
    group_by: list[str]
    groups: int
    total: Annotated[int, Field(description="Claims, each counted once.")]
    total_is_exact: bool
    applied: dict[str, Any]
    as_of: Moment
    search: Understood


class ClaimGroups(Out):
    """With `group_by`: how many claims have each value, complete."""

    data: list[Group]
    meta: GroupsMeta


class OneClaim(ClaimOut):
    included: IncludedConflicts


class ReadClaim(OneClaim):
    withdrawn: Withdrawn
    as_of: Moment


class CitationList(Out):
    data: list[CitationOut]
    as_of: Moment
