from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import Out
from app.schemas.shared import ListOut


class QueueKind(StrEnum):
    drafts = "drafts"
    in_review = "in_review"
    proposals = "proposals"
    orphaned = "orphaned"
    unverified = "unverified"
    stale_decisions = "stale_decisions"
    pending_conflicts = "pending_conflicts"


class QueueCount(Out):
    kind: QueueKind
    total: int
    total_is_exact: bool
    href: str


class QueueCounts(Out):
    """All that waits for somebody, by kind."""

    data: list[QueueCount]


class QueueList(ListOut[dict[str, Any]]):
    """What waits of one kind; each row has `kind` and, but for conditions, `href`."""

    data: Annotated[
        list[dict[str, Any]],
        Field(description="Claims, proposals, citations with their claim, or conflicts in brief."),
    ]
