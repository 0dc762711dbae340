"""A connection that PostgreSQL ends after any statement of a call: 503, and nothing is changed."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from select import select
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, event, text

from app.db import make_engine, make_sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.operations import READS, Operation, fill, named
from tests.api.sources import Desk
from tests.apps import make_app
from tests.commands.seeds import load, small_seed
from tests.contract.calls import CALLS, who_calls
from tests.contract.test_hostile_input import NAMES, WITH_BODY, changes
from tests.databases import SERVER, migrated_database

pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="a connection to a server is lost"),
    # The driver does not close a cursor of the server whose connection is gone.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NEVER = 200  # more statements than a call has
FEWEST = 5
END = text("SELECT pg_terminate_backend(:pid)")
SECONDS = 10.0
# What they answer is of the moment in which they are asked.
OF_THE_MOMENT = {"/metrics", "/health/live", "/health/ready"}


class Loss:
    """Ends the connection that executed the statement of this number, counted from 1.

    After every other statement the driver knows of it before the next.
    """

    def __init__(self, engine: Engine) -> None:
        self._beside = create_engine(engine.url, isolation_level="AUTOCOMMIT")
        self._left = 0
        self._is_noticed = False
        event.listen(engine, "after_cursor_execute", self._count)

    @property
    def has_come(self) -> bool:
        return self._left <= 0

    def after(self, number: int) -> None:
        self._left, self._is_noticed = number, number % 2 == 0

    def close(self) -> None:
        self._beside.dispose()

    def _count(self, connection: Any, *_: object) -> None:
        self._left -= 1
        if self._left != 0:
            return
        driver = connection.connection.dbapi_connection
        if self._is_noticed:
            driver.close()
            return
        with self._beside.connect() as beside:
            beside.execute(END, {"pid": driver.info.backend_pid})
        assert select([driver], [], [], SECONDS)[0], "the server says when it has ended it"


class Base(NamedTuple):
    desk: Desk
    loss: Loss

    def changes(self) -> tuple[int, ...]:
        """How many there are of what every write leaves."""
        self.loss.after(NEVER)
        with self.desk.sessions.read() as session:
            return changes(session)


@contextmanager
def new_base(folder: Path) -> Iterator[Base]:
    engine = make_engine(migrated_database("lost", folder))
    sessions = make_sessions(engine)
    loss = Loss(engine)
    load(sessions, small_seed())
    app = make_app(sessions, cache_bytes=0)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        contributor, curator, admin = (signed_in(client, sessions, role) for role in Role)
        yield Base(Desk(client, contributor, curator, admin, sessions), loss)
    loss.close()
    engine.dispose()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with new_base(tmp_path_factory.mktemp("lost")) as base:
        yield base
    gc.collect()  # so that no later test is told of the cursors


@pytest.mark.parametrize("name", NAMES)
def test_a_write_is_refused_and_changes_nothing(tmp_path: Path, name: str) -> None:
    [operation] = [each for each in WITH_BODY if each.described["operationId"] == name]
    number, refused = 1, 0
    while number:
        with new_base(tmp_path) as base:
            number, more = _lose_from(number, base, operation)
            refused += more

    assert refused > FEWEST


def _lose_from(number: int, base: Base, operation: Operation) -> tuple[int, int]:
    """Until the call is accepted: the statement to go on with, and how often it was refused.

    A connection that was lost when it was not needed any more is nobody's loss. The last
    statement is followed by number 0.
    """
    desk, name = base.desk, operation.described["operationId"]
    base.loss.after(NEVER)
    call = CALLS[name](desk)
    client = who_calls(desk, name)
    address, before = fill(operation.path, call.path), base.changes()
    for refused in range(NEVER):
        base.loss.after(number + refused)
        answer = client.request(operation.method, address, json=call.body, headers=call.headers)
        if answer.is_success:
            return (number + refused + 1 if base.loss.has_come else 0), refused
        assert_unavailable(answer)
        assert base.changes() == before
    raise AssertionError("it was never accepted")


def assert_unavailable(answer: Any) -> None:
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE, answer.text
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(**named([each for each in READS if "stream" not in each.path]))
def test_a_read_is_refused_or_right(base: Base, operation: Operation) -> None:
    base.loss.after(NEVER)
    right = base.desk.public.get(operation.address)
    for number in range(1, NEVER):
        base.loss.after(number)
        answer = base.desk.public.get(operation.address)
        if not base.loss.has_come:
            break
        if answer.status_code != right.status_code:
            assert_unavailable(answer)
        elif operation.path not in OF_THE_MOMENT:
            assert answer.content == right.content
    else:
        raise AssertionError("there is no end of statements")
