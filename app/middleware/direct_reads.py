"""The reads that are asked for most, answered without the framework's routing and dependencies.

Those take three times as long as one claim. Whoever asks is anonymous and asks for JSON of the
present; the function of the router is called with what its dependencies would have given it.
Anything else, and whatever is refused, is left to the router, so that each refusal is made in one
place. They are made where they arrive if nobody waits for that (see ``app.at_once``), else in a
thread, in one piece.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from inspect import signature
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.answers import LONGEST_REMEMBERED
from app.at_once import LOOKS
from app.budgets import LosesPatienceError, patience
from app.deps import begins_at_once, bounded_reading
from app.errors import ClaimbaseError, TooExpensiveError
from app.parameters import refuse_unknown
from app.policy import ANYBODY, POLICY
from app.queries.counts import are_counted
from app.queries.past_reading import PastReader
from app.turns import HEAVY, Turns, may_leave_memory_waiting, turn

PLAIN = (b"", b"*/*", b"application/json")
# Who sends one of these is no anonymous reader of the present.
OF_OTHERS = {b"authorization", b"claimbase-change"}
# Of many claims, or of the past: these take longer than the way through the router.
OF_THE_ROUTER = HEAVY - {"q", "facet"}


class Asked(NamedTuple):
    """A query as it was read, and whether few claims are looked at for it."""

    query: Any
    is_light: bool


class DirectRead:
    """A router's function, where it is found, and how its query is read.

    ``pattern`` names the parameters of the path. ``query`` reads the parameters of the query; a
    read without one that is asked with any is left to the router. What a query says is remembered,
    and not changed by anybody: reading it took a tenth of the time of a list.
    """

    REMEMBERED = 500  # queries

    def __init__(
        self,
        route: str,
        pattern: str,
        read: Callable[..., Any],
        query: Callable[[QueryParams], Any] | None = None,
        *,
        default: Any = None,
    ) -> None:
        self.route = route
        self.pattern = re.compile(pattern)
        self.read: Callable[..., Response] = getattr(read, "__wrapped__", read)
        self.query = query
        self.default = default
        self.takes = signature(self.read).parameters.keys()
        self._operation = read.__name__
        self._asked: dict[bytes, Asked] = {}

    def is_at(self, path: str) -> bool:
        return self.pattern.fullmatch(path) is not None

    def asked(self, request: Request) -> Asked | None:
        """None where the router has to look at it; refuses as the router does."""
        sent: bytes = request.scope["query_string"]
        found = self._asked.get(sent)
        if found is None:
            found = self._read(request)
            if found is not None and len(sent) <= LONGEST_REMEMBERED:
                if len(self._asked) >= self.REMEMBERED:
                    self._asked.clear()
                self._asked[sent] = found
        return found

    def _read(self, request: Request) -> Asked | None:
        given = request.query_params
        if self.query is None:
            return None if given else Asked(self.default, is_light=True)
        if not OF_THE_ROUTER.isdisjoint(given):
            return None
        heavy = HEAVY.intersection(given)
        counted = heavy == {"facet"} and are_counted(given, given.getlist("facet"))
        refuse_unknown(request, self.route)
        return Asked(self.query(given), is_light=not heavy or counted)

    @property
    def is_for_anybody(self) -> bool:
        """As for every other read, what the policy does not name is for nobody."""
        return self._operation in POLICY and POLICY[self._operation] is ANYBODY


class DirectReadsMiddleware:
    """The innermost one: everything around the router is around this, too."""

    def __init__(self, app: ASGIApp, *, reads: tuple[DirectRead, ...]) -> None:
        self.app = app
        self._reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["method"] == "GET" and _is_plain(scope):
            response = await self._find(scope)
        await (response or self.app)(scope, receive, send)

    async def _find(self, scope: Scope) -> Response | None:
        for direct in self._reads:
            match = direct.pattern.fullmatch(scope["path"])
            if match is not None and direct.is_for_anybody:
                return await _answer(direct, match.groupdict(), Request(scope))
        return None


def _is_plain(scope: Scope) -> bool:
    """Of an anonymous reader who would have JSON, at the address that the path says."""
    if scope.get("root_path"):
        return False
    for name, value in scope["headers"]:
        if name in OF_OTHERS or (name == b"accept" and value not in PLAIN):
            return False
    return True


async def _answer(direct: DirectRead, named: dict[str, str], request: Request) -> Response | None:
    """None where the router has to say what there is to say."""
    turns: Turns = request.app.state.turns
    try:
        asked = direct.asked(request)
        if asked is None:
            return None
        request.state.actor, request.state.route = None, direct.route
        found = {"request": request, "reader": None, "query": asked.query, **named}
        if asked.is_light and _nobody_waits(turns, request):
            try:
                return _made(direct, found, LOOKS)
            except LosesPatienceError:
                request.state.nobody_waits = False  # it would lose it once more
        async with turn(turns.light if asked.is_light else turns.heavy, request):
            return await run_in_threadpool(_made, direct, found)
    except TooExpensiveError:
        raise  # it would be as expensive again
    except (ClaimbaseError, ValidationError):
        return None


def _made(
    direct: DirectRead, found: Mapping[str, Any], looks: int | None = None
) -> Response | None:
    """``looks``: the patience with SQLite. Raises LosesPatienceError."""
    request = found["request"]
    state = request.app.state
    with ExitStack() as opened:
        session = opened.enter_context(bounded_reading(request))
        if looks is not None:
            opened.enter_context(patience(session, looks))
        past = PastReader(session, state.vocabulary, state.past_bases.open, opened)
        at_hand = {**found, "session": session, "past": past}
        response = direct.read(**{name: at_hand[name] for name in direct.takes})
    if isinstance(response, StreamingResponse):  # made of a session that is closed
        return None
    return response


def _nobody_waits(turns: Turns, request: Request) -> bool:
    return (
        turns.light.available_tokens >= 1
        and begins_at_once(request)
        and may_leave_memory_waiting(request)
    )
