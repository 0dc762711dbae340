"""Pages that were read are made anew with the edit that changes them, and no others."""

import asyncio
import gzip
import logging
import re
import time
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event
from starlette.types import Receive, Scope, Send

from app.about import EDITED
from app.config import Settings
from app.db import make_engine, make_sessions
from app.main import create_app
from app.middleware.renewals import MOST_REPRESENTATIONS, WAITS_SECONDS
from app.middleware.response_cache import ResponseCacheMiddleware
from app.policy import Role
from tests.accounts import bearer, key_of
from tests.api.curation import REASON, body_of, drafted, patched, patching, published
from tests.apps import document
from tests.databases import SERVER, seeded_database
from tests.startup.caches import Always, Inner, asked
from tests.startup.kept import eventually

PAGE = "/conditions/milia"
# What reads the claims of a page.
PAGE_ROWS = re.compile(r"JOIN written_claims .*\sWHERE .*claims.condition_id = ", re.DOTALL)
CACHE_REQUESTS = "claimbase_cache_requests_total"
# What another test writes in the same server counts as a write of another program there.
of_a_file = pytest.mark.skipif(SERVER is not None, reason="counts are exact on a file only")


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return seeded_database("renewed", tmp_path_factory.mktemp("renewed"))


@pytest.fixture
def curator(url: str, client: TestClient) -> TestClient:
    engine = make_engine(url)
    headers = bearer(key_of(make_sessions(engine), Role.admin))
    engine.dispose()
    return TestClient(client.app, headers=headers)


@pytest.fixture
def claim(curator: TestClient) -> dict[str, Any]:
    return published(curator, body_of("shade"))


def hits(app: FastAPI) -> int:
    count: int = app.state.metrics.cache.hits
    return count


def renewals(app: FastAPI) -> int:
    count: int = app.state.metrics.cache.renewals
    return count


def test_the_first_read_after_an_edit_is_of_the_edited_page_and_from_memory(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any], url: str
) -> None:
    client.get(PAGE)

    patched(curator, claim, statement="It is said anew.")

    before = hits(app)
    page = client.get(PAGE)
    plain = create_app(Settings(database_url=url, cache_bytes=0))
    plain.openapi_schema = document()
    with TestClient(plain) as without_memory:
        expected = without_memory.get(PAGE)
    plain.state.sessions.read.kw["bind"].dispose()
    assert (page.content, page.headers["etag"]) == (expected.content, expected.headers["etag"])
    assert "It is said anew." in page.text
    assert renewals(app) >= 1
    if SERVER is None:
        assert hits(app) == before + 1


def test_a_page_is_kept_when_the_notice_of_the_own_edit_comes(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any]
) -> None:
    """On PostgreSQL the listener sees the edit, too."""
    client.get(PAGE)
    answer = patching(curator, claim, statement="It is said anew.")
    change = int(answer.headers["claimbase-change"])
    if SERVER is not None:
        eventually(lambda: app.state.freshness.known().change >= change)

    before = hits(app)
    assert "It is said anew." in client.get(PAGE).text
    assert hits(app) == before + 1


@of_a_file
def test_what_nobody_read_since_is_left_to_its_next_reader(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any]
) -> None:
    client.get(PAGE)

    for words in ("Said first.", "Said second.", "Said third."):
        claim = patched(curator, claim, statement=words)

    assert renewals(app) == 1
    assert "Said third." in client.get(PAGE).text
    patched(curator, claim, statement="Said fourth.")
    assert renewals(app) == 2


@of_a_file
def test_each_representation_that_was_asked_for_is_made(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any]
) -> None:
    ways = [{"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}]
    ways.append({"Accept-Encoding": "identity", "Accept": "text/html"})
    tags = [client.get(PAGE, headers=way).headers["etag"] for way in ways]

    patched(curator, claim, statement="It is said anew.")

    before = hits(app)
    for way, known in zip(ways, tags, strict=True):
        with client.stream("GET", PAGE, headers=way | {"If-None-Match": known}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.status_code == 200
        assert b"It is said anew." in (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    assert hits(app) == before + len(ways)


@of_a_file
def test_whoever_asked_first_may_have_had_the_page_and_others_get_all_of_it(
    app: FastAPI, client: TestClient, curator: TestClient
) -> None:
    """What a renewal asks with is not the condition of a reader; here the page stays as it was."""
    known = client.get(PAGE, headers={"Host": "other.test"}).headers["etag"]
    assert client.get(PAGE, headers={"If-None-Match": known}).status_code == 304

    drafted(curator, body_of("shade"))

    before = hits(app)
    answer = client.get(PAGE)
    assert (answer.status_code, answer.headers["etag"]) == (200, known)
    assert answer.json()["slug"] == "milia"
    assert hits(app) == before + 1


@of_a_file
def test_pages_are_made_in_threads_so_that_others_are_answered_meanwhile(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any]
) -> None:
    """Though nobody was answered from memory since, who would wait for it."""
    client.get(PAGE)
    threads: list[int] = []

    def note(*given: Any) -> None:
        if PAGE_ROWS.search(given[2]):
            threads.append(get_ident())

    event.listen(app.state.sessions.read.kw["bind"], "before_cursor_execute", note)
    assert client.portal is not None

    client.headers["Authorization"] = curator.headers["Authorization"]
    patching(client, claim, statement="It is said anew.")

    assert threads
    assert client.portal.call(get_ident) not in threads


@of_a_file
@pytest.mark.parametrize(
    ("read", "query"),
    [
        pytest.param("/conditions/milia?format=json", "", id="with a query"),
        pytest.param("/claims?condition=milia", "", id="a list"),
        pytest.param(PAGE, "?dry_run=true", id="a dry run"),
    ],
)
def test_nothing_is_made_for(  # noqa: PLR0917 - fixtures
    app: FastAPI,
    client: TestClient,
    curator: TestClient,
    claim: dict[str, Any],
    read: str,
    query: str,
) -> None:
    client.get(read)

    patching(curator, claim, query, statement="Otherwise.")

    assert renewals(app) == 0


@of_a_file
def test_a_refused_edit_and_one_of_another_condition_make_nothing(
    app: FastAPI, client: TestClient, curator: TestClient, claim: dict[str, Any]
) -> None:
    client.get(PAGE)
    other = {"slug": "rosacea", "name": "Rosacea", "reason": REASON}

    refused = curator.patch(f"/claims/{claim['id']}", json={"reason": REASON}, headers={})
    assert refused.status_code == 428
    assert curator.post("/conditions", json=other).status_code == 201
    published(curator, body_of("wind", condition="rosacea"))

    assert renewals(app) == 0


@of_a_file
def test_it_is_counted_by_itself_and_told_in_no_log_of_requests(
    client: TestClient,
    curator: TestClient,
    claim: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.get(PAGE)
    before = curator.get("/metrics").text
    caplog.set_level(logging.INFO, "claimbase.access")
    caplog.clear()

    patched(curator, claim, statement="It is said anew.")

    lines = [record.getMessage() for record in caplog.records if record.name == "claimbase.access"]
    assert len(lines) == 1
    assert "PATCH" in lines[0]
    after = curator.get("/metrics").text

    def told(text: str, name: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(name)]

    [renewed] = told(after, "claimbase_cache_renewals_total")
    assert renewed.endswith(" 1.0")
    assert told(after, CACHE_REQUESTS) == told(before, CACHE_REQUESTS)
    of_pages = [line for line in told(after, "claimbase_requests_total") if "/{slug}" in line]
    assert [line.split()[-1] for line in of_pages] == ["1.0"]


# The middleware by itself.


class Edited(Inner):
    """Anything but a GET edits condition 1."""

    def __init__(self, freshness: Always) -> None:
        super().__init__()
        self.condition = 1
        self.freshness = freshness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await super().__call__(scope, receive, send)
            return
        assert self.freshness.now is not None
        self.freshness.now += 1
        scope["state"][EDITED] = [1]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"edited"})


def made() -> tuple[ResponseCacheMiddleware, Edited]:
    freshness = Always()
    inner = Edited(freshness)
    cache = ResponseCacheMiddleware(
        inner, freshness=freshness, max_bytes=10_000, is_page=lambda path: path.startswith("/page")
    )
    return cache, inner


def opened(gate: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await gate.wait()

    return wait


def test_an_edit_does_not_wait_long_for_a_page() -> None:
    cache, inner = made()

    async def run() -> list[Any]:
        found: list[Any] = [await asked(cache, "/page")]
        gate = asyncio.Event()
        inner.before = opened(gate)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        found.append(await asked(cache, "/page", "PATCH"))
        found.append(loop.time() - begun)
        reader = asyncio.create_task(asked(cache, "/page"))  # waits for the same one
        await asyncio.sleep(0)
        gate.set()
        return [*found, await reader, inner.calls]

    first, edit, seconds, second, calls = asyncio.run(run())
    assert (first, edit, second, calls) == (b"1", b"edited", b"2", 2)
    assert WAITS_SECONDS / 2 < seconds < WAITS_SECONDS * 40


def test_pages_that_are_not_begun_in_time_are_left_to_their_readers() -> None:
    """Each is made in one piece: nothing else ends the wait."""
    cache, inner = made()
    paths = [f"/page{number}" for number in range(MOST_REPRESENTATIONS)]

    async def block() -> None:
        time.sleep(WAITS_SECONDS)  # noqa: ASYNC251 - that is the point

    async def run() -> int:
        for path in paths:
            await asked(cache, path)
        before = inner.calls
        inner.before = block
        await asked(cache, "/page", "PATCH")
        await asyncio.sleep(WAITS_SECONDS)
        return inner.calls - before

    assert 1 <= asyncio.run(run()) < MOST_REPRESENTATIONS


def test_edits_that_overlap_make_no_page_for_nobody() -> None:
    cache, inner = made()

    async def run() -> int:
        await asked(cache, "/page")
        begun, gate = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            begun.set()
            await gate.wait()

        inner.before = wait
        first = asyncio.create_task(asked(cache, "/page", "PATCH"))
        await begun.wait()
        await asked(cache, "/other", "PATCH")  # while the page is made
        gate.set()
        await first
        before = inner.calls
        for _ in range(3):
            await asked(cache, "/page", "PATCH")
        return inner.calls - before

    assert asyncio.run(run()) == 0


def test_a_page_that_is_read_again_and_again_keeps_its_place() -> None:
    """Whoever asks in odd ways keeps no reader's page from being made anew."""
    cache, inner = made()
    odd = [f"/page-odd{number}" for number in range(MOST_REPRESENTATIONS)]

    async def run() -> int:
        for path in ("/page", *odd[:-1]):
            await asked(cache, path)
        await asked(cache, "/page", "PATCH")
        await asked(cache, "/page")  # from memory, so that nothing is loaded
        await asked(cache, odd[-1])
        await asked(cache, "/page", "PATCH")
        before = inner.calls
        await asked(cache, "/page")
        return inner.calls - before

    assert asyncio.run(run()) == 0


def test_a_page_that_fails_is_told_in_the_log_and_the_edit_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache, inner = made()

    async def fail() -> None:
        raise RuntimeError("no page today")

    async def run() -> list[bytes]:
        await asked(cache, "/page")
        inner.before = fail
        edit = await asked(cache, "/page", "PATCH")
        inner.before = None
        return [edit, await asked(cache, "/page")]

    assert asyncio.run(run()) == [b"edited", b"3"]
    assert "a page was not made anew" in caplog.text


def test_a_page_that_somebody_is_making_is_not_made_twice() -> None:
    cache, inner = made()

    async def run() -> tuple[int, bytes]:
        await asked(cache, "/page")
        assert inner.freshness.now is not None
        inner.freshness.now += 1
        gate = asyncio.Event()
        inner.before = opened(gate)
        reader = asyncio.create_task(asked(cache, "/page"))
        await asyncio.sleep(0)
        await asked(cache, "/page", "PATCH")
        calls = inner.calls
        gate.set()
        return calls, await reader

    assert asyncio.run(run()) == (2, b"2")


def test_what_was_thrown_out_for_room_is_not_made() -> None:
    cache, inner = made()
    inner.size = 2_000

    async def run() -> int:
        for path in ("/page", "/1", "/2", "/3", "/4", "/5"):
            await asked(cache, path)
        await asked(cache, "/page", "PATCH")
        return inner.calls

    assert asyncio.run(run()) == 6


def test_of_one_page_a_few_representations_are_made_those_loaded_last() -> None:
    cache, inner = made()
    paths = [f"/page{number}" for number in range(MOST_REPRESENTATIONS + 2)]

    async def run() -> int:
        for path in paths:
            await asked(cache, path)
        before = inner.calls
        await asked(cache, "/page", "PATCH")
        return inner.calls - before

    assert asyncio.run(run()) == MOST_REPRESENTATIONS
