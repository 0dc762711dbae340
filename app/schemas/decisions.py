"""A curator's word on a conflict, as it is sent."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.schemas.base import In, Sentence
from app.schemas.claim_edits import ClaimName
from app.vocabulary import DecisionKind

REASON_CODES = {
    DecisionKind.confirmed: ("reviewed", "other"),
    DecisionKind.explained: (
        "scope_differs",
        "subtype_differs",
        "definition_differs",
        "time_differs",
        "refinement",
        "other",
    ),
    DecisionKind.dismissed: (
        "extraction_error",
        "duplicate",
        "not_the_same_thing",
        "rule_does_not_fit",
        "other",
    ),
    DecisionKind.asserted: ("rules_missed", "other"),
}


class DecisionIn(In):
    """`confirmed` leaves the computed severity, `explained` makes it a tension, `dismissed`
    none. It holds until the sides' values, polarity, scope or hedging change."""

    kind: Literal["confirmed", "explained", "dismissed"]
    reason_code: Annotated[
        str,
        Field(
            max_length=40,
            description="; ".join(
                f"{kind}: {', '.join(codes)}" for kind, codes in REASON_CODES.items()
            ),
            examples=["scope_differs"],
        ),
    ]
    reason: Sentence

    @model_validator(mode="after")
    def _has_a_code_of_its_kind(self) -> Self:
        codes = REASON_CODES[DecisionKind(self.kind)]
        if self.reason_code not in codes:
            raise ValueError(f"reason_code has to be one of {', '.join(codes)}")
        return self


class AssertionIn(In):
    """A conflict that the rules missed, over claims of one condition."""

    claims: Annotated[list[ClaimName], Field(min_length=2, max_length=50)]
    severity: Literal["tension", "disagreement", "contradiction"]
    reason_code: Literal["rules_missed", "other"]
    reason: Sentence

    @model_validator(mode="after")
    def _names_two_claims(self) -> Self:
        if len(set(self.claims)) < len(self.claims):
            raise ValueError("a claim stands there twice")
        return self
