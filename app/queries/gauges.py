"""What an operator watches of the base, by queries that are cheap enough for every scrape."""

from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.models import Change, Claim, Conflict, Import, Proposal
from app.queries.view import hidden_claims
from app.vocabulary import ClaimStatus, Severity


class Gauges(NamedTuple):
    """``waiting`` has what an index counts; orphaned and unverified citations are not in it."""

    last_change: int
    size_bytes: int
    open_conflicts: dict[str, int]
    waiting: dict[str, int]
    imports: int


def read_gauges(session: Session) -> Gauges:
    severity = Conflict.effective
    open_ = select(severity, func.count()).where(Conflict.status == "open").group_by(severity)
    conflicts = {each.value: 0 for each in Severity if each is not Severity.none}
    conflicts |= {each.value: number for each, number in session.execute(open_).all()}
    counts = {
        "drafts": select(func.count(Claim.id)).where(
            hidden_claims(), Claim.status == ClaimStatus.draft
        ),
        "in_review": select(func.count(Claim.id)).where(
            hidden_claims(), Claim.status == ClaimStatus.in_review
        ),
        "proposals": select(func.count(Proposal.id)).where(Proposal.status == "open"),
        "stale_decisions": select(func.count(Conflict.id)).where(
            Conflict.decision_status == "stale",
            Conflict.status == "open",
        ),
    }
    return Gauges(
        last_change=session.scalar(select(func.max(Change.number))) or 0,
        size_bytes=_size(session),
        open_conflicts=conflicts,
        waiting={name: session.scalar(count) or 0 for name, count in counts.items()},
        imports=session.scalar(select(func.count(Import.id))) or 0,
    )


def _size(session: Session) -> int:
    """Of the file (without its -wal), or of the database on the server."""
    size = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }[session.get_bind().dialect.name]
    return int(session.scalar(text(size)) or 0)
