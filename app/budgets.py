"""How long the database may work on one read. Beyond it the read is broken off, and says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import TooExpensiveError
from app.postgresql import LIMIT

# Steps of SQLite's virtual machine between two looks at the clock: about a millisecond.
STEPS = 20_000
SET_LOCAL = text("SELECT set_config('statement_timeout', :limit, true)")
CANCELLED = "57014"  # PostgreSQL's state of a statement that took too long
LIFTED = "claimbase.unbounded"
PATIENCE = "claimbase.patience"
BROKEN_OFF = "claimbase.broken_off"


class LosesPatienceError(Exception):
    """A read takes more steps than it was given at first; nothing is wrong with it."""


@contextmanager
def time_budget(session: Session, seconds: float) -> Iterator[None]:
    """Raises TooExpensiveError where reading takes more than ``seconds``.

    On SQLite all statements together, on PostgreSQL each of them.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        driver: Any = session.connection().connection.driver_connection
        ends_at = time.monotonic() + seconds
        session.info.pop(BROKEN_OFF, None)

        def is_over() -> bool:
            if PATIENCE in session.info:
                session.info[PATIENCE] -= 1
            if session.info.get(PATIENCE, 0) < 0 or (
                time.monotonic() > ends_at and LIFTED not in session.info
            ):
                session.info[BROKEN_OFF] = True
                return True
            return False

        driver.set_progress_handler(is_over, STEPS)
    else:
        _limit(session, max(1, round(seconds * 1000)))  # nought would be none
    try:
        yield
    except DBAPIError as error:
        if _was_broken_off(session, error):
            raise TooExpensiveError(
                f"This takes the database more than {seconds:g} seconds. Ask for less: one "
                "condition or question, fewer facets, `count=none`, or an export of it all.",
            ) from error
        raise
    finally:
        if is_sqlite:
            driver.set_progress_handler(None, 0)


def _limit(session: Session, milliseconds: int) -> None:
    """With the beginning of the transaction, if it has not begun."""
    bind = session.get_bind()
    if session.in_transaction() or (isinstance(bind, Connection) and bind.in_transaction()):
        session.connection().execute(SET_LOCAL, {"limit": str(milliseconds)})
    else:
        session.connection(execution_options={LIMIT: milliseconds})


@contextmanager
def patience(session: Session, looks: int) -> Iterator[None]:
    """Inside of a budget on SQLite: raises LosesPatienceError where reading takes more steps.

    Steps are counted and not timed: how busy the machine is does not matter. What was broken off
    is a read, so that the session stays in its transaction and can be asked again, without haste.
    """
    session.info[PATIENCE] = looks
    try:
        yield
    except DBAPIError as error:
        if _was_broken_off(session, error) and session.info[PATIENCE] < 0:
            session.info.pop(BROKEN_OFF, None)
            raise LosesPatienceError from error
        raise
    finally:
        del session.info[PATIENCE]


def lift_budget(session: Session) -> None:
    """For what is read in parts, a part at a time, and takes as long as it takes."""
    session.info[LIFTED] = True


def _was_broken_off(session: Session, error: DBAPIError) -> bool:
    """SQLite's words are not always the same: a search that is broken off while it opens its index
    fails as if that were broken."""
    return BROKEN_OFF in session.info or getattr(error.orig, "sqlstate", "") == CANCELLED
