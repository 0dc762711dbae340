"""The change feed as a stream of events, from a real server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from app.db import make_engine, make_sessions
from app.startup import prepare
from tests.accounts import bearer, key_of
from tests.api.curation import body_of
from tests.commands.seeds import small_seed
from tests.databases import new_database
from tests.startup.servers import PATIENCE, Server, serving

CITED = [{"passage": "leaflet/p1", "locator": "line 1"}]


class Place(NamedTuple):
    """A server with one place for a stream, and a curator's headers."""

    server: Server
    curator: dict[str, str]

    def last(self) -> int:
        number: int = self.server.get("/changes?limit=1").json()["meta"]["last"]
        return number

    def change(self, value: str) -> None:
        body = body_of(value, citations=CITED)
        address = f"{self.server.base}/claims"
        answer = httpx.post(address, json=body, headers=self.curator, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text

    @contextmanager
    def follow(self, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
        """The messages of a stream."""
        asked = {"Accept": "text/event-stream", **headers}
        address = f"{self.server.base}/changes{query}"
        with httpx.stream("GET", address, headers=asked, timeout=PATIENCE) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield messages(answer.iter_lines())


def messages(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    number = None
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            number = int(value)
        if name == "data":
            change = json.loads(value)
            assert change["number"] == number
            yield change


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(small_seed()))
    url = new_database("streams", tmp_path)
    prepare(url, seed)
    with serving(database_url=url, seed_file=seed, max_streams=1) as server:
        server.wait()
        engine = make_engine(url)
        key = key_of(make_sessions(engine))
        engine.dispose()
        yield Place(server, bearer(key))


def test_a_stream_has_what_was_then_what_comes_and_goes_on_where_it_broke_off(
    place: Place,
) -> None:
    backlog = place.last()
    with place.follow() as stream:
        seen = [next(stream)["number"] for _ in range(backlog)]
        place.change("lime")
        seen.append(next(stream)["number"])
    assert seen == list(range(1, backlog + 2))

    place.change("limes")
    with place.follow("?after=1", **{"Last-Event-ID": str(backlog + 1)}) as stream:
        assert next(stream)["number"] == backlog + 2


def test_one_stream_too_many_is_told_to_come_again(place: Place) -> None:
    with place.follow() as stream:
        next(stream)
        accept = {"Accept": "text/event-stream"}
        second = httpx.get(f"{place.server.base}/changes", headers=accept, timeout=PATIENCE)

    assert second.status_code == 503
    assert second.json()["code"] == "unavailable"
    assert int(second.headers["retry-after"]) > 0


def test_a_stream_ends_when_the_server_stops(place: Place) -> None:
    with place.follow() as stream:
        next(stream)
        ended = place.server.stop()
        rest = list(stream)  # ends as a whole answer does: cut off, it would raise

    assert ended.err == ""
    assert all(change["number"] > 1 for change in rest)


def test_head_of_a_stream_is_answered_at_once(place: Place) -> None:
    accept = {"Accept": "text/event-stream"}

    answer = httpx.head(f"{place.server.base}/changes", headers=accept, timeout=PATIENCE)

    assert answer.status_code == 200
    assert answer.content == b""
