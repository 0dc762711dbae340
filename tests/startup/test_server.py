"""What the server itself refuses has the shape of every other problem."""

import asyncio
import json
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.server import ProblemProtocol


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
