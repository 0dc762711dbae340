from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.base import Out
from app.schemas.shared import ListOut, PageIn, Time

ProposalStatus = Literal["open", "accepted", "declined", "withdrawn", "superseded"]


class ProposalFilters(PageIn):
    status: ProposalStatus = "open"
    author: Annotated[
        str | None, Field(max_length=80, pattern=r"^[a-z0-9-]+$", description="An account.")
    ] = None


class ProposalOut(Out):
    """A change to a published claim that waits for a curator, or what became of it."""

    id: Annotated[str, Field(examples=["PRP1"])]
    version: int
    claim: Annotated[str, Field(examples=["CLM42"])]
    claim_version: Annotated[int, Field(description="The version that it was made from.")]
    author: str
    patch: Annotated[dict[str, Any], Field(description="A JSON merge patch of the claim.")]
    reason: str
    status: ProposalStatus
    verdict: Annotated[str | None, Field(description="Why it was decided so.")]
    created_at: Time
    updated_at: Time
    outdated: Annotated[bool, Field(description="The claim has changed since.")]


class ProposalList(ListOut[ProposalOut]):
    pass
