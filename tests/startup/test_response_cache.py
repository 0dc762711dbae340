"""Public answers are kept for as long as the base does not change, and not a moment longer."""

import asyncio
import gzip
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, update

from app.config import Settings
from app.db import make_engine, make_sessions, sqlite_path
from app.main import create_app
from app.middleware.response_cache import ResponseCacheMiddleware
from app.models import Claim
from tests.accounts import bearer, key_of
from tests.api.curation import body_of, published
from tests.apps import document
from tests.databases import SERVER, seeded_database
from tests.startup.caches import Always, Inner, asked
from tests.startup.kept import eventually, other_program


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A base with the seed that commits."""
    return seeded_database("cached", tmp_path)


@pytest.fixture
def other(url: str) -> Iterator[Engine]:
    with other_program(url) as engine:
        yield engine


@pytest.fixture
def sent(app: FastAPI) -> Iterator[list[str]]:
    """The statements of the service."""
    statements: list[str] = []

    def record(*args: object) -> None:
        statements.append(str(args[2]))

    engine = app.state.sessions.read.kw["bind"]
    event.listen(engine, "before_cursor_execute", record)
    yield statements
    event.remove(engine, "before_cursor_execute", record)


def twice(client: TestClient, sent: list[str], **headers: str) -> tuple[Any, Any]:
    """The answer, and the one after it, of which ``sent`` tells.

    On PostgreSQL what another test writes in the same server counts as a write: then once more.
    """
    for _ in range(1 if SERVER is None else 20):
        first = client.get("/conditions/milia")
        sent.clear()
        again = client.get("/conditions/milia", headers=headers)
        if not sent:
            break
    return first, again


def test_a_repeated_read_asks_the_base_nothing(client: TestClient, sent: list[str]) -> None:
    first, again = twice(client, sent)

    assert sent == []
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def test_an_answer_that_is_kept_has_the_headers_of_the_first(client: TestClient) -> None:
    first, again = client.get("/claims?type=cause"), client.get("/claims?type=cause")

    def others(headers: Any) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name != "x-request-id"}

    assert others(first.headers) == others(again.headers)


def test_a_request_id_of_ones_own_is_kept(client: TestClient) -> None:
    client.get("/claims")

    assert client.get("/claims", headers={"X-Request-ID": "mine"}).headers["x-request-id"] == "mine"


def test_what_the_client_has_is_a_304_without_a_body(client: TestClient, sent: list[str]) -> None:
    tag = client.get("/conditions/milia").headers["etag"]

    _, answer = twice(client, sent, **{"If-None-Match": tag})

    assert (answer.status_code, answer.content, sent) == (304, b"", [])
    assert answer.headers["etag"] == tag
    assert "content-type" not in answer.headers


def test_a_304_that_comes_first_does_not_empty_the_next_answer(client: TestClient) -> None:
    tag = client.get("/claims").headers["etag"]
    client.get("/claims?limit=25")

    first = client.get("/claims?limit=26", headers={"If-None-Match": f'{tag}, "x"'})
    again = client.get("/claims?limit=26")

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content != b""


def test_each_encoding_is_kept_by_itself(client: TestClient) -> None:
    plain = client.get("/conditions/milia", headers={"Accept-Encoding": "identity"})
    for _ in range(2):
        with client.stream(
            "GET", "/conditions/milia", headers={"Accept-Encoding": "gzip"}
        ) as packed:
            raw = b"".join(packed.iter_raw())
        assert gzip.decompress(raw) == plain.content
        assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("name", ["Accept", "Host"])
def test_what_an_answer_depends_on_is_kept_apart(client: TestClient, name: str) -> None:
    values = {"Accept": ["application/json", "text/html"], "Host": ["one.test", "other.test"]}
    path = {"Accept": "/", "Host": "/claims/export?format=jsonld&question=prevalence.frequency"}
    bodies = {
        client.get(path[name], headers={name: value}).text for value in values[name] for _ in "ab"
    }

    assert len(bodies) == 2


def test_an_edit_by_the_service_is_seen_at_once(client: TestClient, url: str) -> None:
    engine = make_engine(url)
    curator = TestClient(client.app, headers=bearer(key_of(make_sessions(engine))))
    engine.dispose()
    before = client.get("/claims").json()["meta"]["total"]

    published(curator, body_of())

    assert client.get("/claims").json()["meta"]["total"] == before + 1


def test_an_edit_by_another_program_is_seen(client: TestClient, other: Engine) -> None:
    path = "/claims/CLM1"
    assert client.get(path).json()["statement"] != "Changed behind its back."

    with other.begin() as connection:
        connection.execute(
            update(Claim).where(Claim.id == 1).values(statement="Changed behind its back.")
        )

    eventually(lambda: client.get(path).json()["statement"] == "Changed behind its back.")


@pytest.mark.skipif(SERVER is None, reason="SQLite has one writer at a time")
def test_of_two_foreign_writes_the_older_one_is_seen_too_if_it_ends_last(
    client: TestClient, other: Engine
) -> None:
    path = "/claims/CLM1"
    with other.connect() as older:
        older.execute(update(Claim).where(Claim.id == 1).values(statement="It began first."))
        before = client.app.state.freshness.stamp()  # type: ignore[attr-defined]
        with other.begin() as newer:
            newer.execute(update(Claim).where(Claim.id == 2).values(statement="It ended first."))
        eventually(lambda: client.app.state.freshness.stamp() != before)  # type: ignore[attr-defined]
        client.get(path)

        older.commit()

        eventually(lambda: client.get(path).json()["statement"] == "It began first.")


@pytest.mark.skipif(SERVER is not None, reason="a file is replaced")
def test_a_base_that_was_replaced_is_seen(client: TestClient, url: str, tmp_path: Path) -> None:
    path = sqlite_path(url)
    assert path is not None
    before = client.app.state.freshness.stamp()  # type: ignore[attr-defined]
    shutil.copy(path, tmp_path / "copy.db")

    (tmp_path / "copy.db").replace(path)

    give_up_at = time.monotonic() + 5
    while client.app.state.freshness.stamp() == before:  # type: ignore[attr-defined]
        assert time.monotonic() < give_up_at


def test_an_answer_to_a_key_is_neither_kept_nor_taken_from_there(
    client: TestClient, url: str, sent: list[str]
) -> None:
    engine = make_engine(url)
    headers = bearer(key_of(make_sessions(engine)))
    engine.dispose()
    client.get("/claims")
    client.get("/claims", headers=headers)
    sent.clear()

    answer = client.get("/claims", headers=headers)

    assert sent != []
    assert answer.headers["cache-control"] == "private, no-store"
    assert client.get("/claims").headers["cache-control"] == "public, no-cache"


@pytest.mark.parametrize("path", ["/nothing", "/claims?typ=x", "/claims/CLM999999"])
def test_a_refusal_is_not_kept(client: TestClient, path: str) -> None:
    client.get(path)

    again = client.get(path)

    assert again.status_code >= 400
    assert again.json()["request_id"] == again.headers["x-request-id"]


def test_without_memory_nothing_is_kept(url: str) -> None:
    app = create_app(Settings(database_url=url, cache_bytes=0))
    app.openapi_schema = document()

    with TestClient(app):
        assert app.state.freshness.stamp() is None
    app.state.sessions.read.kw["bind"].dispose()


# The middleware by itself.


def test_one_answer_is_made_for_all_who_ask_at_once() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def all_at_once() -> list[bytes]:
        inner.before = lambda: asyncio.sleep(0.01)
        return list(await asyncio.gather(*(asked(cache) for _ in range(20))))

    assert set(asyncio.run(all_at_once())) == {b"1"}
    assert inner.calls == 1


def test_an_answer_made_while_the_base_changed_is_not_kept() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def change() -> None:
        freshness.now = 2

    async def run() -> list[bytes]:
        inner.before = change
        first = await asked(cache)
        inner.before = None
        return [first, await asked(cache), await asked(cache)]

    assert asyncio.run(run()) == [b"1", b"2", b"2"]


def test_those_who_waited_get_a_new_answer_if_the_base_changed() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def change() -> None:
        await asyncio.sleep(0.01)
        freshness.now = 2
        inner.before = None

    async def run() -> list[bytes]:
        inner.before = change
        return list(await asyncio.gather(asked(cache), asked(cache)))

    assert asyncio.run(run()) == [b"1", b"2"]


def test_while_nothing_is_known_of_the_base_nothing_is_kept() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def run() -> list[bytes]:
        first = await asked(cache)
        freshness.now = None
        second = await asked(cache)
        freshness.now = 1
        return [first, second, await asked(cache)]

    assert asyncio.run(run()) == [b"1", b"2", b"3"]


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    inner = Inner(size=200)
    cache = ResponseCacheMiddleware(inner, freshness=Always(), max_bytes=1_000)

    async def run() -> list[bytes]:
        for path in ("/a", "/b", "/c", "/a", "/d"):
            await asked(cache, path)
        return [await asked(cache, path) for path in ("/a", "/b")]

    assert asyncio.run(run()) == [b"1", b"5"]


def test_an_answer_outlives_commits_that_leave_its_condition_as_it_was() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def run() -> list[bytes]:
        found = []
        for inner.condition in (1, 2, None):
            found.append(await asked(cache, f"/{inner.condition}"))
        freshness.now, freshness.standing = 2, {1}
        return [*found, *[await asked(cache, f"/{one}") for one in (1, 2, None, 1)]]

    assert asyncio.run(run()) == [b"1", b"2", b"3", b"1", b"4", b"5", b"1"]


def test_another_base_has_other_conditions() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)
    inner.condition, freshness.standing = 1, {1}

    async def run() -> list[bytes]:
        first = await asked(cache)
        freshness.base = 1
        second = await asked(cache)
        freshness.now = None
        await asked(cache)
        freshness.now = 3
        return [first, second, await asked(cache)]

    assert asyncio.run(run()) == [b"1", b"2", b"4"]


def test_what_a_commit_drops_makes_room_at_once() -> None:
    inner, freshness = Inner(size=200), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=1_000)

    async def run() -> list[bytes]:
        for path in ("/a", "/b"):
            await asked(cache, path)
        inner.condition, freshness.standing = 1, {1}
        await asked(cache, "/c")
        freshness.now = 2
        for path in ("/d", "/e"):
            await asked(cache, path)
        return [await asked(cache, path) for path in ("/c", "/d", "/e")]

    assert asyncio.run(run()) == [b"3", b"4", b"5"]


def test_what_outlived_a_commit_and_was_not_asked_for_since_goes_first() -> None:
    inner, freshness = Inner(size=200), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=1_000)
    inner.condition, freshness.standing = 1, {1}

    async def run() -> list[bytes]:
        for path in ("/a", "/b", "/c"):
            await asked(cache, path)
        freshness.now = 2
        for path in ("/a", "/d"):
            await asked(cache, path)
        return [await asked(cache, path) for path in ("/a", "/c", "/d", "/b")]

    assert asyncio.run(run()) == [b"1", b"3", b"4", b"5"]


def test_an_answer_about_a_condition_may_be_kept_though_another_changed_meanwhile() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)
    inner.condition, freshness.standing = 1, {1}

    async def change() -> None:
        await asyncio.sleep(0.01)
        freshness.now = 2

    async def run() -> list[bytes]:
        inner.before = change
        made = await asyncio.gather(asked(cache), asked(cache))
        return [*made, await asked(cache)]

    assert asyncio.run(run()) == [b"1", b"1", b"1"]


def test_a_failure_frees_those_who_wait() -> None:
    inner, freshness = Inner(), Always()
    cache = ResponseCacheMiddleware(inner, freshness=freshness, max_bytes=10_000)

    async def fail() -> None:
        await asyncio.sleep(0.01)
        inner.before = None
        raise RuntimeError("It failed.")

    async def run() -> list[Any]:
        inner.before = fail
        return list(await asyncio.gather(asked(cache), asked(cache), return_exceptions=True))

    failed, answered = asyncio.run(run())
    assert isinstance(failed, RuntimeError)
    assert answered == b"2"


def test_what_is_not_public_is_not_kept() -> None:
    inner = Inner(cache_control=b"private, no-store")
    cache = ResponseCacheMiddleware(inner, freshness=Always(), max_bytes=10_000)

    async def run() -> list[bytes]:
        return [await asked(cache), await asked(cache)]

    assert asyncio.run(run()) == [b"1", b"2"]
