"""Every operation with a body takes the worst of bodies: no fault, no echo, no trace."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from app.models import Change, Import
from tests.api.operations import OPERATIONS, fill
from tests.api.sources import Desk, desk_at
from tests.apps import make_app
from tests.conftest import rolled_back
from tests.contract.calls import CALLS, Call, who_calls, whole_claim

CANARY = "Qx!hostile"
MARK = "@@here@@"
MOST_BYTES = 20_000
MOST_POINTER = 500
LONG_NAME = json.dumps({"type": "claim", "a" * 50_000: 1}).encode()

# What no JSON of ours may hold, wherever it stands: written as it is sent.
MALFORMED = {
    "lone surrogate": '"\\ud800Qx!hostile"',
    "surrogates the wrong way round": '"\\udc00\\ud800"',
    "NUL": '"Qx!hostile\\u0000"',
    "NaN": "NaN",
    "infinity": "-Infinity",
    "1e999": "1e999",
    "beyond 64 bits": "9" * 400,
    "2^64": str(2**64),
    "five thousand digits": "9" * 5_000,
    "deep lists": "[" * 900 + "]" * 900,
    "deep objects": '{"a":' * 900 + "1" + "}" * 900,
    "bottomless": "[" * 100_000,
    "a key twice": '{"Qx!hostile": 1, "Qx!hostile": 2}',
    "a key with a lone surrogate": '{"\\ud800": 1}',
    "single quotes": "'Qx!hostile'",
    "a raw control character": '"qx\nhostile"',
    "a comment": '"Qx!hostile" /* and */',
    "not finished": '"Qx!hostile',
}
# JSON that may stand where a word is asked for, or not: never a fault of the server.
HOSTILE = {
    "right to left": json.dumps("\u202eQx!hostile\u202c \u2066x\u2069"),
    "zalgo": json.dumps("Qx!hostile" + "\u0301\u0327\u0489" * 60),
    "byte order mark": json.dumps("\ufeffQx!hostile\ufeff"),
    "no characters": json.dumps("Qx!hostile\ufffe\uffff\U0010ffff"),
    "blank": json.dumps("\u00a0\u2003\u200b"),
    "ligature": json.dumps("\ufdfa" * 600),
    "long": json.dumps("Qx!hostile " * 9_000),
    "SQL": json.dumps("Qx!hostile'; DROP TABLE claims; -- \" %s ? :a"),
    "FTS": json.dumps('Qx!hostile" NEAR(a b) AND * OR col:^('),
    "HTML": json.dumps("<script>Qx!hostile</script>{{7*7}}${7*7}%n%s"),
    "lines": json.dumps("Qx!hostile\r\nSet-Cookie: a=b\r\n\r\n"),
    "path": json.dumps("../../../etc/Qx!hostile\\..\\"),
    "formula": json.dumps('=cmd|"/c Qx!hostile"!A1'),
    "empty": '""',
    "null": "null",
    "true": "true",
    "number": "-1",
    "largest": str(2**63 - 1),
    "tiny": "5e-324",
    "list": '["Qx!hostile"]',
    "huge list": json.dumps(["Qx!hostile"] * 9_000),
    "object": '{"Qx!hostile": {"__proto__": 1, "$ne": 1}}',
}
WRONG_TYPES = [
    None,
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json-patch",
    "Qx!hostile",
    "a" * 5_000,
    "application\r\nSet-Cookie: a=b",
]


WITH_BODY = [
    each
    for each in OPERATIONS
    if "application/json" in each.described.get("requestBody", {}).get("content", {})
]
NAMES = [each.described["operationId"] for each in WITH_BODY]


class Target(NamedTuple):
    """An operation that is ready to be called with anything."""

    client: TestClient
    method: str
    address: str
    call: Call
    connection: Connection
    before: tuple[int, ...]

    def send(self, content: bytes | str, **headers: str | None) -> Any:
        """The answer, judged; what an accepted call did is undone."""
        given = self.call.headers | {"Content-Type": "application/json"}
        for name, value in headers.items():
            given.pop(name, None)
            if value is not None:
                given[name.replace("_", "-")] = value.encode("latin-1")
        sent = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        undone = self.connection.begin_nested()
        answer = self.client.request(self.method, self.address, content=sent, headers=given)
        if answer.status_code >= 400:
            assert changes(self.connection) == self.before, "a refusal left a trace"
        undone.rollback()
        judge(answer)
        return answer


def changes(connection: Connection | Session) -> tuple[int, ...]:
    """How many there are of what every write leaves."""
    counted = select(func.count()).select_from
    return tuple(connection.scalar(counted(table)) or 0 for table in (Change, Import))


def judge(answer: Any) -> None:
    assert answer.status_code < 500, answer.text[:500]
    assert "set-cookie" not in answer.headers
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.content) <= MOST_BYTES
        # A pointer names an unknown field by its name; that is all that comes back.
        problem = answer.json()
        told = json.dumps(problem) + str(answer.headers)
        for fault in [*problem.get("errors", []), *problem.get("faults", [])]:
            place = fault.get("pointer", "")
            assert len(place) <= MOST_POINTER
            told = told.replace(json.dumps(place)[1:-1], "")
        assert CANARY not in told


@pytest.fixture(scope="module")
def desk(empty_engine: Engine) -> Iterator[tuple[Desk, Connection]]:
    """One for all: what a test does is undone."""
    with rolled_back(empty_engine) as sessions, TestClient(make_app(sessions)) as client:
        yield desk_at(client, sessions), sessions.read.kw["bind"]


@pytest.fixture
def target(desk: tuple[Desk, Connection], request: pytest.FixtureRequest) -> Iterator[Target]:
    at, connection = desk
    [operation] = [each for each in WITH_BODY if each.described["operationId"] == request.param]
    with connection.begin_nested() as undone:
        call = CALLS[request.param](at)
        client, address = who_calls(at, request.param), fill(operation.path, call.path)
        yield Target(client, operation.method, address, call, connection, changes(connection))
        undone.rollback()


every = pytest.mark.parametrize("target", NAMES, indirect=True)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member and element of a body, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in pairs:
        yield (*path, key)
        if isinstance(member, dict | list):
            yield from places(member, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], written: str) -> str:
    """The body as JSON with ``written`` at one place."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = MARK
    return json.dumps(copy).replace(json.dumps(MARK), written)


def test_every_operation_with_a_body_is_attacked() -> None:
    assert set(NAMES) == set(CALLS)


@every
def test_without_anything_hostile_the_call_is_accepted(target: Target) -> None:
    answer = target.send(json.dumps(target.call.body))

    assert answer.status_code < 300, answer.text


@every
def test_what_is_no_json_of_ours_is_refused_wherever_it_stands(target: Target) -> None:
    body = target.call.body
    for name, written in MALFORMED.items():
        for content in (replaced(body, ("reason" if "reason" in body else "q",), written), written):
            answer = target.send(content)

            assert answer.status_code in {400, 413, 422}, (name, answer.text)
    doubled = json.dumps(body)[:-1] + ', "reason": "Qx!hostile", "reason": "again"}'
    assert target.send(doubled).status_code in {400, 422}


@every
def test_no_hostile_value_is_a_fault_or_an_echo(target: Target) -> None:
    values = list(HOSTILE.values())
    for number, place in enumerate(places(target.call.body)):
        # Every other value at one place, the others at the next: there are many places.
        for written in values[number % 2 :: 2]:
            target.send(replaced(target.call.body, place, written))


@every
def test_no_hostile_body_or_name_of_a_field_is_a_fault(target: Target) -> None:
    for written in HOSTILE.values():
        assert target.send(written).status_code in {400, 422}
    for name in ("", "__proto__", "a" * 50_000, "\u202e", "a\r\nb: c", "%s", "/", "~1", "id"):
        more = target.call.body | {name: 1}

        assert target.send(json.dumps(more)).status_code == 422, name
    many = target.call.body | {f"no{number}": number for number in range(20_000)}
    assert target.send(json.dumps(many)).status_code == 422


@every
def test_bytes_that_are_no_utf_8_are_refused(target: Target) -> None:
    whole = json.dumps(target.call.body)
    for content in (
        whole.encode("utf-16"),
        whole.encode("utf-32"),
        whole.encode() + b"\xff",
        b'{"reason": "\xed\xa0\x80Qx!hostile"}',
        b'{"reason": "\xc0\x80"}',
        b"\x1f\x8b\x08\x00",
        b"\x00" * 1_000,
        b"",
    ):
        assert target.send(content).status_code in {400, 415, 422}


@every
def test_another_content_type_is_refused(target: Target) -> None:
    whole = json.dumps(target.call.body)
    for kind in WRONG_TYPES:
        answer = target.send(whole, **{"Content-Type": kind})

        assert answer.status_code in {400, 415, 422}, (kind, answer.status_code)


@every
def test_no_hostile_header_is_a_fault(target: Target) -> None:
    whole = json.dumps(target.call.body)
    values = ["", "x" * 9_000, 'a"b', "a\r\nSet-Cookie: a=b", "\xff", "%00", "*", '"CLM1.9"']
    values += [f'"CLM{2**64}.1"', f'"CLM1.{2**64}"', "W/" * 50, '"CLM1.1", "CLM2.1"', "Qx!hostile"]
    for value in values:
        others = ("Idempotency_Key", "Accept", "X_Request_ID", "If_None_Match")
        for given in ({"If_Match": value}, dict.fromkeys(others, value)):
            answer = target.send(whole, **given)

            assert all("\r" not in each for each in answer.headers.values())


def test_an_import_takes_no_hostile_line(desk: tuple[Desk, Connection]) -> None:
    at, connection = desk
    call = Call({}, {})
    target = Target(at.admin, "POST", "/imports", call, connection, changes(connection))
    line = {"type": "claim", **{k: v for k, v in whole_claim().items() if k != "reason"}}
    kind = {"Content-Type": "application/jsonl"}
    for written in MALFORMED.values():
        for content in (written, replaced(line, ("statement",), written)):
            assert target.send(content, **kind).status_code in {400, 413, 422}
    values = list(HOSTILE.values())
    for number, place in enumerate(places(line)):
        for written in values[number % 2 :: 2]:
            target.send(replaced(line, place, written), **kind)
    for raw in (b"", b"\n" * 9_000, b"\xff\xfe{}", b"\x00", b"[]", b"{}\n" * 50, LONG_NAME):
        target.send(raw, **kind)
