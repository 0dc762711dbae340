from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import Out
from app.schemas.shared import ListOut, Time


class FieldChange(Out):
    """One place that the change touched. What was not there, or is not there any more, is null."""

    pointer: Annotated[str, Field(description="JSON pointer.", examples=["/statement"])]
    before: Any
    after: Any


class RevisionOut(Out):
    """A record as one change left it."""

    id: Annotated[str, Field(examples=["CLM42.3"])]
    version: int
    change: Annotated[int, Field(description="The number of the change; see `/changes`.")]
    at: Time
    action: Annotated[str, Field(examples=["updated"])]
    reason: str
    actor: Annotated[str | None, Field(description="Who; for readers with a key.")]
    key_id: Annotated[str | None, Field(description="By which key; for readers with a key.")]
    changes: Annotated[
        list[FieldChange],
        Field(description="What differs from the version before it that the reader may see."),
    ]
    record: Annotated[
        dict[str, Any] | None,
        Field(description="The record then; null for a withdrawal, to readers without a key."),
    ]


class RevisionList(ListOut[RevisionOut]):
    """The newest first."""
