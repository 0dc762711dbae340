"""The counters of published claims, where rows are added to them."""

from sqlalchemy import text
from sqlalchemy.orm import Session

EVERY = 64  # changes, or records of one
JOINED = text(
    "WITH gone AS (DELETE FROM claim_counts RETURNING type, question, polarity, severity, number)"
    " INSERT INTO claim_counts (type, question, polarity, severity, number)"
    " SELECT type, question, polarity, severity, sum(number) FROM gone"
    " GROUP BY type, question, polarity, severity HAVING sum(number) <> 0",
)


def join_counts(session: Session, change: int, records: int) -> None:
    """Add the rows up, now and then; the caller holds the lock of changes.

    Only there: SQLite's triggers keep one row for each combination.
    """
    is_due = change % EVERY == 0 or records >= EVERY
    if is_due and session.get_bind().dialect.name == "postgresql":
        session.execute(JOINED)
