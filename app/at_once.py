"""Light reads are answered where they arrive: a way into a thread and back takes as long.

Nobody else is served meanwhile, so that it is for pages of records and single ones only, each
with patience for a few milliseconds of the database. What takes longer begins again in a thread.
Where others were answered from memory since the last such read, it goes into a thread, too: they
are many, and each would wait for it.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.budgets import LosesPatienceError, patience
from app.turns import Turns, may_leave_memory_waiting

# Each about a millisecond.
LOOKS = 4


def at_once(read: Callable[..., Response]) -> Callable[..., Awaitable[Response]]:
    """A route function that reads, and has the request as ``request``."""

    @wraps(read)
    async def answer(**given: Any) -> Response:
        request: Request = given["request"]
        session: Session | None = getattr(request.state, "session_at_hand", None)
        turns: Turns = request.app.state.turns
        if (
            session is not None
            and turns.of(request) is turns.light
            and may_leave_memory_waiting(request)
        ):
            try:
                with patience(session, LOOKS):
                    return read(**given)
            except LosesPatienceError:
                pass
        return await run_in_threadpool(read, **given)

    return answer
