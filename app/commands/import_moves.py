"""Whether the plan of an import still holds."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.import_staging import ROWS_AT_ONCE, Staging
from app.models import Revision
from app.queries.rebuild import identity_of
from app.queries.records import Record


def has_moved(session: Session, staging: Staging, after: int) -> bool:
    """Whether a change since number ``after`` touched anything that the plan was made from."""
    rows = session.execute(
        select(Revision.record_type, Revision.snapshot)
        .where(Revision.change > after)
        .execution_options(yield_per=ROWS_AT_ONCE),
    )
    for record_type, snapshot in rows:
        if record_type in {"concept", "condition", "document"}:
            return True  # rare enough: all is looked up again
        if record_type == "claim" and _touches(staging, snapshot):
            return True
    return False


def _touches(staging: Staging, snapshot: Record) -> bool:
    return bool(staging.keys("claim", [snapshot["key"]])) or staging.holds_identity(
        [identity_of(snapshot)],
    )
