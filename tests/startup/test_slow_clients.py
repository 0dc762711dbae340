"""Clients that never finish asking, or never read: they go, and nobody else notices."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, QueuePool, create_engine
from sqlalchemy.orm import sessionmaker

from app.db import Sessions, make_engine, make_sessions
from app.policy import Role
from app.startup import prepare
from tests.accounts import bearer, key_of
from tests.apps import make_app
from tests.commands.seeds import claim, small_seed
from tests.databases import new_database
from tests.startup.servers import PATIENCE, Server, serving

RECEIVE_SECONDS = 2
SEND_SECONDS = 2
MAX_CONNECTIONS = 200
# A deadline, the look that finds it passed, and a machine under load.
GONE_WITHIN = 2 * RECEIVE_SECONDS + 8
HALF = b"GET /claims HTTP/1.1\r\nHost: a\r\nX-Half: "
POST = b"POST /claims HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server with a base whose export fits into no buffer, and the headers of an admin."""
    folder = tmp_path_factory.mktemp("slow")
    seed_file = folder / "seed.json"
    seed_file.write_text(json.dumps(large_seed()))
    url = new_database("slow", folder)
    prepare(url, seed_file)
    engine = make_engine(url)
    headers = bearer(key_of(make_sessions(engine), Role.admin))
    engine.dispose()
    given: dict[str, Any] = {
        "database_url": url,
        "seed_file": seed_file,
        "receive_seconds": RECEIVE_SECONDS,
        "send_seconds": SEND_SECONDS,
        "keep_alive_seconds": 2,
        "max_connections": MAX_CONNECTIONS,
        "max_streams": 1,
    }
    with serving(**given) as server:
        server.wait()
        yield server, headers
        ended = server.stop()
    assert "Traceback" not in ended.err


def large_seed() -> dict[str, Any]:
    """What two hundred claims quote is more than a system holds for a client that does not read."""
    quote = "Long words. " * 400
    size = len(quote)
    seed = small_seed()
    passage = {"key": "p1", "start": 0, "end": 10 * size}
    book = {"key": "book", "title": "A", "length": 10 * size, "passages": [passage]}
    seed["documents"].append(book)
    cited = [
        {"passage": "book/p1", "start": n * size, "end": (n + 1) * size, "quote": quote}
        for n in range(10)
    ]
    for number in range(200):
        one = claim("recommendation.advice", str(number), *cited, words=f"Number {number}.")
        del one["concept"]
        seed["claims"].append(one)
    return seed


@contextmanager
def connected(server: Server, buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as wire:
        if buffer is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        wire.settimeout(PATIENCE)
        wire.connect(("127.0.0.1", urlsplit(server.base).port))
        yield wire


def read_to_end(wire: socket.socket) -> bytes:
    read = b""
    try:
        while part := wire.recv(65_536):
            read += part
    except ConnectionResetError:
        pass
    return read


def is_gone(wire: socket.socket) -> bool:
    """Whether the server hung up; what it said before is dropped."""
    while select.select([wire], [], [], 0)[0]:
        try:
            if not wire.recv(65_536):
                return True
        except ConnectionError:
            return True
    return False


def problem_of(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), raw[:500]
    assert b"x-content-type-options" in head.lower()
    problem: dict[str, Any] = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {problem['status']} ".encode())
    return problem


def served_while(server: Server, goes_on: Callable[[], bool]) -> list[float]:
    """Seconds that normal requests took, one after the other, each with a new connection."""
    took = []
    while goes_on():
        began = time.monotonic()
        assert server.get("/claims?limit=5").status_code == 200
        took.append(time.monotonic() - began)
        time.sleep(0.02)  # the attackers' turn; the machine has few cores
    return took


def test_a_hundred_slow_requests_are_gone_by_the_deadline_and_others_are_served(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, headers = place
    key = f"Authorization: {headers['Authorization']}\r\n".encode()
    body_to_come = POST + key + b"Content-Length: 5000\r\n\r\n{"
    chunked = POST + key + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    unread = b"GET /claims HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nx"
    with ExitStack() as stack:
        drips: list[tuple[socket.socket, bytes]] = []
        for number in range(100):
            wire = stack.enter_context(connected(server))
            said, drip = [
                (HALF, b"x"),
                (b"", b""),  # not a word
                (body_to_come, b" "),
                (chunked, b"1\r\n \r\n"),
                (unread, b"x"),  # answered before it was all sent
            ][number % 5]
            wire.sendall(said)
            drips.append((wire, drip))
        began = time.monotonic()
        left = list(drips)

        def goes_on() -> bool:
            nonlocal left
            still = []
            for wire, drip in left:
                if is_gone(wire):
                    continue
                try:
                    wire.sendall(drip)
                except ConnectionError:
                    continue
                still.append((wire, drip))
            left = still
            return bool(left) and time.monotonic() - began < GONE_WITHIN

        took = served_while(server, goes_on)

    assert left == []
    assert took  # how many is a matter of the machine
    assert max(took) < 5


@pytest.mark.parametrize(
    "said",
    [HALF, POST + b"Content-Length: 5\r\n\r\n{", b"G"],
    ids=["head", "body", "letter"],
)
def test_whoever_does_not_finish_is_told_so(
    place: tuple[Server, dict[str, str]], said: bytes
) -> None:
    server, headers = place
    key = f"Authorization: {headers['Authorization']}\r\n".encode()
    said = said.replace(b"Content-Length", key + b"Content-Length")
    with connected(server) as wire:
        wire.sendall(said)

        problem = problem_of(read_to_end(wire))

    assert (problem["status"], problem["code"]) == (408, "request-timeout")


def test_a_body_that_keeps_coming_may_take_longer_than_the_deadline(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, headers = place

    def lines() -> Iterator[bytes]:
        began = time.monotonic()
        while time.monotonic() - began < 2.5 * RECEIVE_SECONDS:
            yield b"\n" * 500
            time.sleep(0.1)  # a slow line
        yield b'{"no": "line of an import"}\n'

    answer = httpx.post(
        f"{server.base}/imports",
        content=lines(),
        headers=headers | {"Content-Type": "application/jsonl"},
        timeout=PATIENCE,
    )

    assert answer.status_code == 422, answer.text


def test_a_connection_that_asks_nothing_more_is_closed(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    with connected(server) as wire:
        wire.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        began = time.monotonic()

        raw = read_to_end(wire)

    assert raw.startswith(b"HTTP/1.1 200 ")
    assert raw.count(b"HTTP/1.1") == 1
    assert time.monotonic() - began < GONE_WITHIN


def test_empty_lines_do_not_keep_a_connection(place: tuple[Server, dict[str, str]]) -> None:
    server, _ = place
    with connected(server) as wire:
        wire.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        began = time.monotonic()
        while not is_gone(wire):
            assert time.monotonic() - began < GONE_WITHIN
            try:
                wire.sendall(b"\r\n")
            except ConnectionError:
                break
            time.sleep(0.1)  # a drip


def test_slow_readers_of_exports_are_cut_off_and_free_their_connections(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    whole = server.get("/claims/export?format=json")
    asked = b"GET /claims/export?format=json HTTP/1.1\r\nHost: a\r\n\r\n"
    with ExitStack() as stack:
        # More than the service has database connections.
        wires = [stack.enter_context(connected(server, 4_096)) for _ in range(16)]
        for wire in wires:
            wire.sendall(asked)
        began = time.monotonic()
        # It waits for one of theirs: answered, because they lose them.
        assert server.get("/claims?limit=5&q=milia").status_code == 200
        assert time.monotonic() - began < GONE_WITHIN

        while time.monotonic() - began < 4 * SEND_SECONDS:
            for wire in wires:
                wire.recv(10)
            time.sleep(0.1)  # they read, ten bytes at a time

        ends = [read_to_end(wire) for wire in wires[:4]]

    assert len(whole.content) > 8_000_000
    for end in ends:
        assert len(end) < len(whole.content)
        assert not end.endswith(b"0\r\n\r\n")


def test_a_stream_whose_client_asked_more_and_went_gives_its_place_back(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    follow = b"GET /changes HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"
    with connected(server) as wire:
        wire.sendall(follow + b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.recv(20).startswith(b"HTTP/1.1 200 ")

    began = time.monotonic()
    while True:
        accept = {"Accept": "text/event-stream"}
        with httpx.stream("GET", f"{server.base}/changes", headers=accept, timeout=5) as answer:
            if answer.status_code == 200:
                return
        assert time.monotonic() - began < GONE_WITHIN
        time.sleep(0.1)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX-Giant: " + b"x" * 1_000_000,
        b"GET / HTTP/1.1\r\nX-Giant: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Many: x\r\n" * 10_000 + b"\r\n",
        b"GET /?" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /claims HTTP/1.1\r\n" + b"x" * 1_000_000,
    ],
    ids=["never ends", "one header", "many headers", "address", "name"],
)
def test_giant_heads_are_refused(place: tuple[Server, dict[str, str]], head: bytes) -> None:
    server, _ = place
    with connected(server) as wire:
        with suppress(ConnectionError):  # it hangs up while we are still talking
            wire.sendall(head)
        raw = read_to_end(wire)

    if raw:  # a hang-up in the middle of our words may lose the answer on the way
        assert problem_of(raw)["status"] in {400, 431}
    assert server.get("/version").status_code == 200


def test_a_head_that_is_large_and_fits_is_answered(place: tuple[Server, dict[str, str]]) -> None:
    server, _ = place

    answer = httpx.get(f"{server.base}/version", headers={"X-Large": "x" * 60_000})

    assert answer.status_code == 200


def test_one_connection_too_many_is_told_to_come_again(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 5):
            stack.enter_context(connected(server))
        with connected(server) as wire:
            problem = problem_of(read_to_end(wire))

    assert (problem["status"], problem["code"]) == (503, "unavailable")
    began = time.monotonic()
    while True:  # and then everybody is served again
        try:
            if server.get("/version").status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() - began < GONE_WITHIN
        time.sleep(0.1)


def test_an_upgrade_that_is_not_known_is_answered_as_if_it_had_not_been_asked_for(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    headers = {"Connection": "Upgrade", "Upgrade": "websocket"}

    assert httpx.get(f"{server.base}/version", headers=headers).status_code == 200


def test_a_second_request_in_one_go_is_answered_after_the_first(
    place: tuple[Server, dict[str, str]],
) -> None:
    server, _ = place
    with connected(server) as wire:
        wire.sendall(
            b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n"
            b"GET /claims?limit=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )

        raw = read_to_end(wire)

    assert raw.count(b"HTTP/1.1 200 OK") == 2
    assert raw.index(b'"version"') < raw.index(b'"data"')


def test_waiting_in_vain_for_a_database_connection_is_503(milia_engine: Engine) -> None:
    engine = create_engine(
        milia_engine.url,
        module=milia_engine.dialect.dbapi,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
    )
    factory = sessionmaker(engine)
    client = TestClient(make_app(Sessions(factory, factory)))

    with engine.connect():
        answer = client.get("/claims")

    engine.dispose()
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) >= 1
