from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.base import Out
from app.schemas.shared import Time

MAX_NUMBER = 2**63 - 1


class ChangesQuery(BaseModel):
    """From where to follow, and in what to be answered."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[
        int,
        Field(ge=0, le=MAX_NUMBER, description="The changes after the one of this number."),
    ] = 0
    limit: Annotated[int, Field(ge=1, le=100, description="Changes on a page.")] = 25
    format: Annotated[
        Literal["json", "jsonl"] | None,
        Field(description="What to answer in; instead of `Accept`, before which it goes."),
    ] = None


class EventOut(Out):
    """What a change did to one record."""

    id: Annotated[str, Field(description="Change and event.", examples=["12.1"])]
    record_type: Annotated[str, Field(examples=["claim"])]
    record_id: Annotated[str, Field(examples=["CLM42"])]
    version: int
    action: Annotated[str, Field(examples=["updated"])]
    record: Annotated[
        dict[str, Any] | None,
        Field(description="The record as it is now; null where it was withdrawn or removed."),
    ]


class ChangeOut(Out):
    """One committed transaction. Without events that the reader may see, it is only a number."""

    number: int
    at: Time
    origin: Annotated[str, Field(examples=["person"])]
    action: str | None
    reason: str | None
    actor: Annotated[str | None, Field(description="Who; for readers with a key.")]
    key_id: Annotated[str | None, Field(description="By which key; for readers with a key.")]
    events: list[EventOut]


class ChangesPage(Out):
    limit: int
    next: Annotated[
        str | None,
        Field(description="The address of what comes after; null if this is the end for now."),
    ]


class ChangesMeta(Out):
    last: Annotated[int, Field(description="The number of the last change of the base.")]


class ChangeList(Out):
    data: list[ChangeOut]
    page: ChangesPage
    meta: ChangesMeta
