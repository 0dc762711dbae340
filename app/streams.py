"""Streams of events: the changes that are there, then those that come, until nobody listens."""

import time
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
from fastapi import Request
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool

from app.deps import reading
from app.errors import UnavailableError
from app.exports.changes import write_messages
from app.queries.accounts import Actor
from app.queries.changes import changes_after, last_number

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
# Who showed a key shows it again after this time: it may be revoked by then.
SIGNED_IN_SECONDS = 900.0
CHANGES_AT_ONCE = 50
RETRY_MILLISECONDS = 2_000
RETRY_AFTER_SECONDS = 10


class Streams:
    """The streams that one process has open, of which there are at most ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0

    def refuse_too_many(self) -> None:
        """Raises UnavailableError where one more would be too many."""
        if self._open >= self._most:
            raise UnavailableError(
                "As many streams are open as this server holds. Poll `/changes`, or come again.",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )

    async def follow(
        self,
        request: Request,
        after: int,
        reader: Actor | None,
    ) -> AsyncIterator[bytes]:
        """Every change after one, as messages; comments in between, so that it stays open."""
        self._open += 1
        try:
            async for piece in _follow(request, after, reader):
                yield piece
        finally:
            self._open -= 1


async def _follow(request: Request, after: int, reader: Actor | None) -> AsyncIterator[bytes]:
    is_stopping: Callable[[], bool] = request.scope.get("claimbase.is_stopping", lambda: False)
    is_wanted: Callable[[], bool] = request.scope.get("claimbase.body_is_wanted", lambda: True)
    began = said = time.monotonic()
    yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
    while is_wanted() and not is_stopping():
        last = await run_in_threadpool(_last, request)
        while after < last and not is_stopping():
            upto = min(last, after + CHANGES_AT_ONCE)
            async for piece in iterate_in_threadpool(_messages(request, after, upto, reader)):
                yield piece
            after, said = upto, time.monotonic()
        if reader is not None and time.monotonic() - began > SIGNED_IN_SECONDS:
            return
        if time.monotonic() - said >= HEARTBEAT_SECONDS:
            said = time.monotonic()
            yield b": still here\n\n"
        await anyio.sleep(POLL_SECONDS)


def _last(request: Request) -> int:
    with reading(request) as session:
        return last_number(session)


def _messages(
    request: Request,
    after: int,
    upto: int,
    reader: Actor | None,
) -> Iterator[bytes]:
    """Numbers have no gaps, so that these are all the changes up to one."""
    with reading(request, upto) as session:
        changes = changes_after(session, after, upto - after)
        yield from write_messages(session, changes, reader)
