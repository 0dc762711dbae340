"""What fails when the answer is already being written."""

from collections.abc import Iterator

import pytest
from fastapi import Depends
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.db import Sessions
from tests.apps import make_app


class ServerClosedError(Exception):
    """As a driver says it."""


def lost() -> OperationalError:
    return OperationalError("SELECT 1", None, ServerClosedError("server closed the connection"))


def client_of(sessions: Sessions, pieces: list[bytes]) -> TestClient:
    """An application with one more route, whose connection is lost after these pieces."""
    app = make_app(sessions)

    def broken() -> Iterator[bytes]:
        yield from pieces
        raise lost()

    @app.get("/broken", name="read_version")
    def read_broken() -> StreamingResponse:
        return StreamingResponse(broken(), media_type="application/x-ndjson")

    return TestClient(app)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_connection_that_is_lost_before_the_first_bytes_is_503(
    milia_sessions: Sessions, method: str
) -> None:
    answer = client_of(milia_sessions, []).request(method, "/broken")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    assert (method == "HEAD") == (answer.content == b"")


def test_an_answer_that_has_begun_is_cut_off_and_never_ends_as_if_it_were_whole(
    milia_sessions: Sessions,
) -> None:
    client = client_of(milia_sessions, [b'{"a": 1}\n'])

    with pytest.raises(Exception, match="already started"):
        client.get("/broken", headers={"Accept-Encoding": "identity"})


def test_a_connection_that_is_lost_after_the_answer_takes_nothing_from_it(
    milia_sessions: Sessions,
) -> None:
    app = make_app(milia_sessions)

    def connection() -> Iterator[None]:
        yield
        raise lost()

    @app.get("/late", name="read_version", dependencies=[Depends(connection, scope="request")])
    def read_late() -> dict[str, int]:
        return {"a": 1}

    answer = TestClient(app).get("/late")

    assert (answer.status_code, answer.json()) == (200, {"a": 1})
