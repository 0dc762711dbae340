"""The HTTP server's own refusals and deadlines, in the shape of every other problem.

uvicorn waits for ever for a request that does not arrive and for a client that does not read.
Here every connection is looked at once a ``LOOK_SECONDS``: nothing is added to the way of a
request but a few assignments.
"""

import asyncio
import uuid
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.config import get_settings
from app.errors import (
    ClaimbaseError,
    HeadersTooLargeError,
    MalformedRequestError,
    RequestTimeoutError,
    UnavailableError,
)
from app.middleware.response_cache import WRITE_WHOLE
from app.middleware.surroundings import SECURITY_HEADERS
from app.problems import answer_problem

LOOK_SECONDS = 0.5
# Of bodies that arrive and answers that are read, in any stretch as long as the deadline.
LEAST_BYTES_PER_SECOND = 1_000
MAX_HEAD_BYTES = 65_536
# One connection's requests that wait for the answer to the one before.
MAX_PIPELINED = 100
RETRY_AFTER_SECONDS = 5


class Awaited(Enum):
    """What the client owes us."""

    head = "head"
    body = "body"
    nothing = "nothing"


class Unread(NamedTuple):
    """How many bytes waited to be read by the client, and since when."""

    since: float
    size: int


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose answer to what is no HTTP would be plain text.

    Streams that would never end by themselves can ask whether the server stops.
    """

    is_stopping = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._limits = get_settings()
        self._awaited = Awaited.head
        self._since = 0.0  # of the wait, or of the present stretch of a body
        self._heard_at = 0.0
        self._received = 0  # bytes in the present stretch of a body
        self._head_size = 0
        self._refusal: ClaimbaseError | None = None
        self._unread: Unread | None = None
        self._running: RequestResponseCycle | None = None  # the request that is being answered
        self._looked_at = 0.0
        self._next_look: asyncio.TimerHandle | None = None

    # What uvicorn and its parser tell

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._since = self._heard_at = self._looked_at = self.loop.time()
        if len(self.connections) > self._limits.max_connections:
            self._refuse(
                UnavailableError(
                    "As many connections are open as this server holds. Come again.",
                    headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
                ),
            )
        self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        # uvicorn tells the last request that was read, which may still wait behind this one.
        _end(self._unanswered())
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        if self._awaited is Awaited.nothing:
            self._await_head()
        super().data_received(data)
        if self._awaited is Awaited.head:
            # The parser keeps a header to itself until it is whole.
            self._head_size += len(data)
            if self._head_size > MAX_HEAD_BYTES + len(data):
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.cycle is not None:
            self._await_head()
        self._head_size = 0
        extra = {"claimbase.is_stopping": lambda: self.is_stopping}
        self.scope.update(extra)  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._refusal = _too_large()
            raise ValueError(self._refusal.detail)  # ends in send_400_response
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("Too many requests wait.")
        self._awaited, self._received = Awaited.body, 0
        self._since = self._heard_at
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaited = Awaited.nothing
        super().on_message_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        cycle.scope[WRITE_WHOLE] = partial(_write_whole, cycle)
        super()._start_asgi_task(cycle, app)

    def resume_writing(self) -> None:
        self._unread = None
        super().resume_writing()

    def shutdown(self) -> None:
        self.is_stopping = True
        super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the signature is uvicorn's
        problem = MalformedRequestError("The request cannot be read as HTTP/1.1.")
        self._refuse(self._refusal or problem)

    def _unsupported_upgrade_warning(self) -> None:
        """Such a request is answered as if it had not asked; that is no matter for the log."""

    # Refusals and deadlines

    def _await_head(self) -> None:
        self._awaited, self._since, self._head_size = Awaited.head, self._heard_at, 0

    def _unanswered(self) -> RequestResponseCycle | None:
        """The request whose answer is not complete."""
        running = self._running
        return None if running is None or running.response_complete else running

    def _refuse(self, problem: ClaimbaseError) -> None:
        """Answer and hang up; without a word where an answer has begun."""
        if self.transport.is_closing():
            return
        unanswered = self._unanswered()
        if unanswered is None or not unanswered.response_started:
            self.transport.write(_as_bytes(problem))
        self.transport.close()
        _end(unanswered)

    def _look(self) -> None:
        now = self.loop.time()
        late = now - self._looked_at - LOOK_SECONDS
        self._looked_at = now
        self._next_look = self.loop.call_later(LOOK_SECONDS, self._look)
        if late > LOOK_SECONDS:
            # The server itself was too busy to listen: that is no client's fault.
            self._since += late
            self._heard_at += late
            return
        self._look_for_unread(now)
        if self.transport.is_closing():
            return
        if self._awaited is Awaited.head:
            self._look_for_head(now)
        elif self._awaited is Awaited.body:
            self._look_for_body(now)

    def _look_for_head(self, now: float) -> None:
        if self._unanswered() is not None:
            self._since = now  # what comes before its turn has time
        elif now - self._since > self._limits.receive_seconds:
            self._hang_up()

    def _look_for_body(self, now: float) -> None:
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._since, self._heard_at, self._received = now, now, 0  # we make it wait
            return
        stretch = self._limits.receive_seconds
        if now - self._heard_at > stretch:
            self._hang_up()
        elif now - self._since > stretch:
            if self._received < stretch * LEAST_BYTES_PER_SECOND:
                self._hang_up()
            self._since, self._received = now, 0

    def _hang_up(self) -> None:
        if self._awaited is Awaited.head and self._head_size == 0:
            self.transport.close()  # it never said a word
            return
        seconds = self._limits.receive_seconds
        self._refuse(RequestTimeoutError(f"The request did not arrive within {seconds:g} seconds."))

    def _look_for_unread(self, now: float) -> None:
        size = self.transport.get_write_buffer_size()
        if not size or not (self.flow.write_paused or self.transport.is_closing()):
            self._unread = None
        elif self._unread is None:
            self._unread = Unread(now, size)
        elif now - self._unread.since > self._limits.send_seconds:
            if self._unread.size - size < self._limits.send_seconds * LEAST_BYTES_PER_SECOND:
                self.transport.abort()
            self._unread = Unread(now, size)


def _write_whole(cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> bool:
    """Send an answer whose headers are lines already, with ``content-length`` if it has a body.

    As ``cycle.send`` does, which looks at each header by itself: that takes as long as the rest.
    False where it has to wait for the client, or has none.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    lines = [STATUS_LINE[status]]
    lines += [b"%s: %s\r\n" % pair for pair in cycle.default_headers]
    lines += [head, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"]
    cycle.transport.write(b"".join(lines))
    if body:
        cycle.transport.write(body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def _end(cycle: RequestResponseCycle | None) -> None:
    """What is written for nobody is told so."""
    if cycle is not None:
        cycle.disconnected = True
        cycle.message_event.set()


def _too_large() -> HeadersTooLargeError:
    return HeadersTooLargeError(
        f"The address and headers of the request have more than {MAX_HEAD_BYTES} bytes.",
    )


def _as_bytes(problem: ClaimbaseError) -> bytes:
    status = HTTPStatus(problem.status)
    request_id = uuid.uuid4().hex
    response = answer_problem(problem, request_id)
    response.headers.update(SECURITY_HEADERS | {"X-Request-ID": request_id})
    response.headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(response.body)])
