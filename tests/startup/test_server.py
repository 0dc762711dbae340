"""What the server itself refuses has the shape of every other problem."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.freshness import NeverFresh, Stamp
from app.middleware.response_cache import WRITE_WHOLE, ResponseCacheMiddleware
from app.server import ProblemProtocol

TAG = b'"one"'
BODY = b"{}" * 50_000


class Wire(asyncio.Transport):
    """What the protocol writes, and whether it hung up."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        del name
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        del protocol


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01\r\n\r\n", b"GET / FTP/1.1\r\n\r\n", b"A B C\r\n\r\n"]
)
def test_what_is_no_http_is_answered_with_a_problem(nonsense: bytes) -> None:
    wire = Wire()

    async def talk() -> None:
        config = Config("app.main:create_app", factory=True, http=ProblemProtocol)
        config.load()
        protocol = ProblemProtocol(config, ServerState(), {})
        protocol.connection_made(wire)
        protocol.data_received(nonsense)

    asyncio.run(talk())

    head, _, body = wire.sent.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (400, "malformed-request")
    assert problem["request_id"].encode() in head
    assert wire.closed


class AlwaysFresh(NeverFresh):
    def stamp(self) -> Stamp:
        return Stamp(0, 0)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    headers = [(b"etag", TAG)]
    if scope["path"] != "/of-no-length":
        headers.append((b"content-length", b"%d" % len(BODY)))
    headers += [(b"cache-control", b"public, no-cache"), (b"vary", b"Accept")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


async def answers(wire: Wire, asked: bytes, *, line_by_line: bool, is_paused: bool = False) -> None:
    """What a connection is answered that asks all of this at once, from memory."""
    kept = ResponseCacheMiddleware(answer, freshness=AlwaysFresh(), max_bytes=10_000_000)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if line_by_line:
            scope.pop(WRITE_WHOLE)
        await kept(scope, receive, send)

    config = Config(front, http=ProblemProtocol)
    config.load()
    protocol = ProblemProtocol(config, ServerState(), {})
    protocol.connection_made(wire)
    if is_paused:
        protocol.pause_writing()
    protocol.data_received(asked)
    while protocol.tasks and not is_paused:
        await asyncio.gather(*protocol.tasks)
    if is_paused:
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.sent == b"", "the client does not read"
        protocol.resume_writing()
        await asyncio.gather(*protocol.tasks)
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.1", b"GET / HTTP/1.0", b"GET /of-no-length?a=b HTTP/1.1"]
)
@pytest.mark.parametrize(
    "header", [b"", b"Connection: close\r\n", b"If-None-Match: %s\r\n" % TAG, b"Accept: */*\r\n"]
)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("is_paused", [False, True])
def test_what_is_written_whole_is_what_would_be_written_line_by_line(
    request_line: bytes, header: bytes, times: int, *, is_paused: bool
) -> None:
    asked = request_line + b"\r\nHost: h\r\nX-Request-ID: i\r\n" + header + b"\r\n"
    wires = Wire(), Wire()

    for wire, line_by_line in zip(wires, (False, True), strict=True):
        talk = answers(wire, asked * times, line_by_line=line_by_line, is_paused=is_paused)
        asyncio.run(talk)

    whole, by_line = wires
    assert whole.sent == by_line.sent
    assert whole.closed == by_line.closed
    status = b"304" if b"If-None" in header else b"200"
    assert whole.sent.startswith(b"HTTP/1.1 " + status)
    if status == b"200":
        assert b"content-length: %d\r\n" % len(BODY) in whole.sent
        assert whole.sent.endswith(BODY)
