"""How many requests are worked on at once: more threads than a few only fight for the interpreter.

Light reads, heavy ones and writes wait for turns of their own, so that none of them keeps the
others from being answered. Whoever waits holds no thread and no connection of the database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import Request

READS = {"GET", "HEAD"}
# Parameters that make a read look at many claims.
HEAVY = {
    "q",
    "facet",
    "group_by",
    "format",
    "as_of",
    "exclude_document",
    "exclude_passage",
}
HEAVY_ROUTES = {
    "/claims/search",
    "/claims/export",
    "/conditions/{slug}/matrix",
    "/conditions/{slug}/agreement",
    "/queue",
    "/queue/{kind}",
}
# What has to be answered however much else is going on.
AT_ONCE = {"/health/live", "/health/ready", "/metrics"}


class Turns:
    """One process's. ``heavy`` reads never take the turns of the light ones."""

    def __init__(self, *, light: int, heavy: int, writes: int) -> None:
        self.light = CapacityLimiter(light)
        self.heavy = CapacityLimiter(heavy)
        self.writes = CapacityLimiter(writes)
        self._hits = 0

    def nobody_waits(self, hits: int) -> bool:
        """Whether nothing was answered from memory since this was asked before, told by how
        often that was done in all."""
        before, self._hits = self._hits, hits
        return hits == before

    def of(self, request: Request) -> CapacityLimiter | None:
        path: str = request.scope["route"].path
        if path in AT_ONCE:
            return None
        if path in HEAVY_ROUTES or not HEAVY.isdisjoint(request.query_params.keys()):
            return self.heavy
        return self.light if request.method in READS else self.writes


def may_leave_memory_waiting(request: Request) -> bool:
    """``nobody_waits``, asked once for each request."""
    state = request.state
    if not hasattr(state, "nobody_waits"):
        turns: Turns = request.app.state.turns
        state.nobody_waits = turns.nobody_waits(request.app.state.metrics.cache.hits)
    return bool(state.nobody_waits)


async def take_turn(request: Request) -> AsyncIterator[None]:
    """A dependency of the whole application: held until the answer is made, not until sent."""
    turns: Turns = request.app.state.turns
    limiter = turns.of(request)
    if limiter is None:
        yield
        return
    async with turn(limiter, request):
        yield


@asynccontextmanager
async def turn(limiter: CapacityLimiter, request: Request) -> AsyncIterator[None]:
    # On behalf of the request: a task may have its turn only once.
    await limiter.acquire_on_behalf_of(request)
    try:
        yield
    finally:
        limiter.release_on_behalf_of(request)
