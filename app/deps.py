"""What a router function may ask for."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.budgets import time_budget
from app.commands.accounts import touch_key
from app.db import Sessions
from app.errors import ForbiddenError, InvalidRequestError, UnauthorizedError
from app.policy import POLICY
from app.problems import too_many_requests
from app.queries.accounts import Actor, find_actor
from app.queries.changes import last_number
from app.queries.health import is_writable
from app.queries.past_reading import PastReader
from app.rate_limits import RateLimits
from app.replicas import Reads, ReplicaState
from app.vocabulary import Vocabulary

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="claimbase"'}
REFUSED_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="claimbase", error="invalid_token"'}
CHANGE_NUMBER = re.compile(r"[0-9]{1,18}")
AtLeast = Annotated[
    str | None,
    Header(
        alias="Claimbase-Change",
        pattern=r"^[0-9]{1,18}$",
        description="Answer from a base that has this change, as a write answered with it: "
        "who wrote, or was told of a write, reads it wherever the request goes.",
    ),
]


async def authorise(request: Request) -> None:
    """A dependency of the whole application: who asks, and whether they may.

    The key is looked up for every request, so that a revoked one is out at once, whichever
    worker gets it. An operation that the policy does not name is refused to everybody.
    Raises UnauthorizedError, ForbiddenError and TooManyRequestsError.
    """
    request.state.route = request.scope["route"].path  # for metrics and logs
    given = request.headers.getlist("authorization")
    request.state.actor = actor = await _who_asks(request, given) if given else None
    if actor is not None:
        _count(request, actor)
    operation = request.scope["route"].name
    if operation not in POLICY:
        raise ForbiddenError("No role may call this operation: the policy does not name it.")
    needed = POLICY[operation]
    if needed is None or operation in request.app.state.opened:
        return
    if actor is None:
        raise UnauthorizedError(f"This needs a key of a {needed} or more.", headers=CHALLENGE)
    if not actor.role.includes(needed):
        raise ForbiddenError(f"This needs the role {needed}; the account is a {actor.role}.")


def _count(request: Request, actor: Actor) -> None:
    """The headers of the quota are added by the middleware of rate limits."""
    limits: RateLimits = request.app.state.rate_limits
    quota = limits.accounts.take(actor.account)
    if quota is None:
        return
    request.state.quota = quota
    if quota.wait:
        raise too_many_requests(quota)


async def _who_asks(request: Request, given: list[str]) -> Actor:
    """Looked up here and not in a thread where that cannot wait."""
    sessions: Sessions = request.app.state.sessions
    if begins_at_once(request):
        found = _actor_of(sessions, given)
    else:
        found = await run_in_threadpool(_actor_of, sessions, given)
    if found.is_due:
        await run_in_threadpool(_touch, sessions, found)
    return found


def _actor_of(sessions: Sessions, given: list[str]) -> Actor:
    scheme, _, key = given[0].partition(" ")
    with sessions.read() as session:
        found = None
        if len(given) == 1 and scheme.lower() == "bearer":
            found = find_actor(session, key.strip())
    if found is None:
        raise UnauthorizedError(
            "The key is not valid: mistyped, unknown, expired, revoked, or its account disabled.",
            headers=REFUSED_CHALLENGE,
        )
    return found


def _touch(sessions: Sessions, actor: Actor) -> None:
    """Note the use of the key; a base that cannot be written now is no reason to refuse."""
    try:
        with sessions.write.begin() as session:
            touch_key(session, actor.key_id or "")
    except DBAPIError:
        return


@contextmanager
def reading(
    request: Request,
    least: int = 0,
    at_least: str | None = None,
) -> Iterator[Session]:
    """A session on a base that has the change ``least``, if it was made; often a replica.

    Who shows a key is answered by the primary: it has what they wrote a moment ago. Raises
    InvalidRequestError where the change ``at_least`` was never made.
    """
    needed = int(at_least or 0)
    reads: Reads = request.app.state.reads
    state = request.state
    only_primary = state.actor is not None or getattr(state, "only_primary", False)
    with reads.open(max(least, needed), only_primary=only_primary) as read:
        state.is_behind = read.is_behind
        if needed and needed > (last := last_number(read.session)):
            raise _unknown_change(last)
        yield read.session


async def _read_session(request: Request, at_least: AtLeast = None) -> AsyncIterator[Session]:
    """Begun and ended here and not in a thread where that cannot wait: a way into a thread and
    back takes as long as many an answer."""
    as_of = request.query_params.get("as_of", "")
    named = int(as_of) if CHANGE_NUMBER.fullmatch(as_of) else 0
    context = bounded_reading(request, named, at_least)
    if at_least is None and named == 0 and begins_at_once(request):
        with context as session, ExitStack() as opened:
            request.state.session_at_hand = session
            request.state.opened = opened
            yield session
        return
    async with contextmanager_in_threadpool(context) as session:
        with ExitStack() as opened:
            request.state.opened = opened
            yield session


def begins_at_once(request: Request) -> bool:
    """Whether there is no server to be asked, and a connection to be had without waiting.

    SQLite reads nothing before the first statement.
    """
    sessions: Sessions = request.app.state.sessions
    bind = sessions.read.kw["bind"]
    if bind.dialect.name != "sqlite":
        return False
    if isinstance(bind, Connection):
        return True
    pool = bind.pool
    return isinstance(pool, QueuePool) and pool.checkedout() < pool.size()


@contextmanager
def bounded_reading(
    request: Request,
    least: int = 0,
    at_least: str | None = None,
) -> Iterator[Session]:
    """As ``reading``, for as long as one read may take the database."""
    seconds: float = request.app.state.settings.read_seconds
    with reading(request, least, at_least) as session, time_budget(session, seconds):
        yield session


def _unknown_change(last: int) -> InvalidRequestError:
    detail = f"There is no change of this number yet; the last is {last}."
    place = {"in": "header", "parameter": "Claimbase-Change", "code": "unknown_change"}
    return InvalidRequestError(
        "The request asks for a base with a change that this one does not have.",
        errors=[place | {"detail": detail}],
    )


def _writable(request: Request) -> bool:
    sessions: Sessions = request.app.state.sessions
    # A writer's session on SQLite would wait for its turn; a reader's on PostgreSQL never writes.
    is_sqlite = sessions.read.kw["bind"].dialect.name == "sqlite"
    try:
        with (sessions.read if is_sqlite else sessions.write)() as session:
            return is_writable(session)
    except DBAPIError:
        if request.app.state.reads.replica is None:
            raise
        return False  # the primary is away, and the replica answers


def _replica_state(request: Request) -> ReplicaState | None:
    reads: Reads = request.app.state.reads
    return reads.replica_state()


async def _vocabulary(request: Request) -> Vocabulary:
    vocabulary: Vocabulary = request.app.state.vocabulary
    return vocabulary


async def _actor(request: Request) -> Actor | None:
    actor: Actor | None = request.state.actor
    return actor


# A read session stays open while the answer streams. A write session has to commit before
# the answer starts: see app.writes.
ReadSession = Annotated[Session, Depends(_read_session, scope="request")]
CurrentVocabulary = Annotated[Vocabulary, Depends(_vocabulary)]
# Whether a change could be written now.
Writable = Annotated[bool, Depends(_writable)]
# How the replica stands; None where there is none.
ReplicaLook = Annotated[ReplicaState | None, Depends(_replica_state)]
# Who asks; None for an anonymous reader.
Reader = Annotated[Actor | None, Depends(_actor)]


async def _past(
    request: Request,
    session: ReadSession,
    vocabulary: CurrentVocabulary,
) -> PastReader:
    opened: ExitStack = request.state.opened
    return PastReader(session, vocabulary, request.app.state.past_bases.open, opened)


# Opens the past where `as_of` asks for it; open, like the read session, while the answer streams.
Past = Annotated[PastReader, Depends(_past)]
