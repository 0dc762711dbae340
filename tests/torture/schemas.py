"""Calls that are made from the OpenAPI document: does every answer keep what it promises?

``python -m tests.torture.schemas [--cases 5000] [--seed 1] [--planted]``; the base is SQLite, or
one of the server that ``CLAIMBASE_TEST_DATABASE_URL`` names. schemathesis makes calls that fit the
document and calls that do not; some of their parts are replaced by what is known to be accepted,
so that they get beyond the first refusal. What is drawn is sent in up to ``WAYS`` ways, after the
first with parts of what was drawn before; no call is made twice. Every call is undone, so that the
next finds the same base. The first call of each operation is one that has to succeed. The planted
fault is a removal that is answered with a status that the document does not name.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.python.asgi import ASGIClient, get_client
from schemathesis.specs.openapi import checks
from sqlalchemy import Connection, Engine

from app.commands.changes import ChangeDraft, finish_change
from app.commands.vocabularies import store_vocabulary
from app.config import Settings
from app.db import make_sessions
from app.main import create_app
from app.middleware.surroundings import SECURITY_HEADERS
from app.vocabulary import load_vocabulary
from tests.api.operations import OPERATIONS, Operation
from tests.api.sources import Desk, desk_at
from tests.apps import document
from tests.conftest import rolled_back
from tests.databases import SERVER, migrated_engine, new_database
from tests.torture.known_calls import OTHER_KINDS, known_call
from tests.torture.planted import undocumented_removals

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# What any operation may answer without naming it: to a key that is not valid, or of too low a
# role; to a head that cannot be read; to an address that, filled in, is another one.
ANYWHERE = {"400", "401", "403", "404", "405"}
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
DATABASE = "sqlite" if SERVER is None else "postgresql"
WAYS, TRIES = 4, 5  # of what is drawn; for a call that was not made yet
ROLES = (None, "contributor", "curator", "curator", "admin", "admin", "admin")


@dataclass
class Outcome:
    """``wrong``: for operation, status and what is wrong: how often, and the first such call."""

    cases: int = 0
    drawn: int = 0
    seconds: float = 0
    statuses: Counter[int] = field(default_factory=Counter)
    successes: Counter[str] = field(default_factory=Counter)
    wrong: dict[tuple[str, int, str], tuple[int, str]] = field(default_factory=dict)

    @property
    def never_successful(self) -> set[str]:
        return {each.described["operationId"] for each in OPERATIONS} - self.successes.keys()

    def judge(self, case: Case[Any], answer: Any, *, has_key: bool) -> None:
        """Note the answer, and what of it the document does not promise."""
        name = name_of(case)
        self.cases += 1
        self.statuses[answer.status_code] += 1
        if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self.successes[name] += 1
        wrong = {
            f"without {header}": header
            for header in SECURITY_HEADERS
            if not answer.headers.get(header.lower())
        }
        if has_key and "no-store" not in str(answer.headers.get("cache-control")):
            wrong["may be kept"] = "an answer to a key"
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            wrong |= {type(failure).__name__: str(failure) for failure in group.exceptions}
        for kind, told in wrong.items():
            self.note(case, answer, kind, told)

    def note(self, case: Case[Any], answer: Any, kind: str, told: str) -> None:
        what = (name_of(case), answer.status_code, kind)
        times, first = self.wrong.get(what, (0, ""))
        first = first or f"{told} | {case.as_curl_command()} | {answer.text}"
        self.wrong[what] = (times + 1, first)


# Of a drawn call: path, query, headers, and the body with its type, if there is one.
Drawn = tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]


def _parts_of(case: Case[Any]) -> Drawn:
    kind = case.media_type
    with_body = {} if kind is None else {"body": case.body, "media_type": kind}
    return (
        dict(case.path_parameters or {}),
        dict(case.query or {}),
        dict(case.headers or {}),
        with_body,
    )


@contextmanager
def one_client(app: Any) -> Iterator[ASGIClient]:
    """For all calls; schemathesis would make one, and read the environment, for each of them."""
    with get_client(app) as client:
        client.trust_env = False
        yield client


def name_of(case: Case[Any]) -> str:
    """The ``operationId``."""
    return str(case.operation.definition.raw["operationId"])


@schemathesis.serializer("application/jsonl", "application/x-ndjson")
def _lines(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def strict_document() -> dict[str, Any]:
    """The document without ``default``, which would allow every operation every status."""
    described = dict(document())
    described["paths"] = {
        path: {
            method: operation | {"responses": _named(operation["responses"])}
            for method, operation in operations.items()
        }
        for path, operations in described["paths"].items()
    }
    return described


def _named(responses: dict[str, Any]) -> dict[str, Any]:
    named = {status: answer for status, answer in responses.items() if status != "default"}
    return dict.fromkeys(ANYWHERE, responses["default"]) | named


def run(engine: Engine, cases: int, number: int, *, planted: bool = False) -> Outcome:
    """``engine`` is of a base with the vocabulary and nothing else; it is left as it was."""
    outcome = Outcome()
    begun = time.monotonic()
    with rolled_back(engine) as sessions:
        app = create_app(Settings(), sessions=sessions)
        app.openapi_schema = document()
        schema = schemathesis.openapi.from_dict(strict_document())
        schema.app = undocumented_removals(app) if planted else app
        desk = desk_at(TestClient(app), sessions)
        connection: Connection = sessions.read.kw["bind"]
        with one_client(schema.app) as client:
            for operation in OPERATIONS:
                with connection.begin_nested() as undone:
                    made = schema[operation.path][operation.method]
                    trial = Trial(made, desk, client, operation, outcome)
                    trial.run(max(1, cases // len(OPERATIONS)), number)
                    undone.rollback()
    outcome.seconds = time.monotonic() - begun
    return outcome


class Trial:
    """The calls of one operation."""

    def __init__(
        self,
        made: Any,
        desk: Desk,
        client: ASGIClient,
        operation: Operation,
        outcome: Outcome,
    ) -> None:
        self._made, self._client, self._outcome = made, client, outcome
        self._connection: Connection = desk.sessions.read.kw["bind"]
        self._drawn: list[Drawn] = []
        self._sent: set[str] = set()
        self._name = operation.described["operationId"]
        self._keys = {
            role: getattr(desk, role).headers["authorization"] if role else None for role in ROLES
        }
        self._known = known_call(desk, operation)

    def run(self, cases: int, number: int) -> None:
        self._send(self._case(self._known.query, self._known.body), self._known.role)
        for query, body in OTHER_KINDS.get(self._name, ()):
            self._send(self._case(query, body), self._known.role)
        if cases > 1:
            self._generate(cases - 1, number)

    def _case(self, query: dict[str, Any], body: Any) -> Case[Any]:
        kind = self._known.headers.get("Content-Type", "application/json")
        with_body = {"body": body, "media_type": kind} if body else {}
        return self._made_of(dict(self._known.path), dict(query), self._known.headers, with_body)

    def _made_of(self, path: Any, query: Any, headers: Any, with_body: dict[str, Any]) -> Case[Any]:
        case: Case[Any] = self._made.Case(
            path_parameters=path, query=query, headers=dict(headers), **with_body
        )
        return case

    def _generate(self, cases: int, number: int) -> None:
        luck = random.Random(f"{self._name} {number}")
        strategies = [self._made.as_strategy(mode) for mode in MODES]

        @seed(number)
        @settings(
            max_examples=-(-cases // WAYS),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=st.one_of(strategies))
        def calls(case: Case[Any]) -> None:
            self._outcome.drawn += 1
            self._drawn.append(_parts_of(case))
            for way in range(WAYS):
                self._send_another(luck, of_one=way == 0)

        calls()

    def _mixed(self, luck: random.Random, *, of_one: bool) -> Case[Any]:
        """Put what is known into some parts of what was drawn last, or with parts of others."""
        last = self._drawn[-1]
        path, query, headers, with_body = (
            last[part] if of_one else luck.choice(self._drawn)[part] for part in range(len(last))
        )
        if luck.random() < 0.7:
            path = self._known.path
        if luck.random() < 0.8:
            headers = headers | self._known.headers
        if luck.random() < 0.5:
            query = query | self._known.query
        known = self._known.body
        if with_body and isinstance(known, dict) and luck.random() < 0.6:
            made = with_body["body"] if isinstance(with_body["body"], dict) else {}
            kept = [name for name in made if luck.random() < 0.25]
            with_body = with_body | {"body": known | {name: made[name] for name in kept}}
        return self._made_of(dict(path), dict(query), headers, with_body)

    def _send_another(self, luck: random.Random, *, of_one: bool) -> None:
        for _ in range(TRIES):
            case, role = self._mixed(luck, of_one=of_one), luck.choice(ROLES)
            said = (case.path_parameters, case.query, dict(case.headers), case.body)
            call = repr((role, case.media_type, said))
            if call not in self._sent:
                self._sent.add(call)
                self._send(case, role)
                return

    def _send(self, case: Case[Any], role: str | None) -> None:
        case.headers.pop("Authorization", None)
        if key := self._keys[role]:
            case.headers["Authorization"] = key
        undone = self._connection.begin_nested()
        answer = case.call(session=self._client)
        undone.rollback()
        self._outcome.judge(case, answer, has_key=bool(key))


def problems(outcome: Outcome) -> Iterator[str]:
    for (name, status, kind), (times, told) in sorted(outcome.wrong.items()):
        yield f"{name}: {kind} at {status}, {times} times; the first: {told[:1500]}"
    for name in sorted(outcome.never_successful):
        yield f"{name}: never answered with success"


@contextmanager
def new_base() -> Iterator[Engine]:
    """With the vocabulary and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        engine = migrated_engine(new_database("schemas", Path(folder)))
        with make_sessions(engine).write.begin() as session:
            draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
            store_vocabulary(session, load_vocabulary(), draft)
            finish_change(session, draft)
        yield engine
        engine.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    asked = parser.parse_args()
    with new_base() as engine:
        outcome = run(engine, asked.cases, asked.seed, planted=asked.planted)
    found = list(problems(outcome))
    told = ", ".join(f"{times} x {status}" for status, times in sorted(outcome.statuses.items()))
    fewest = min(outcome.successes.values(), default=0)
    print(
        f"{DATABASE}: {outcome.cases} calls, from {outcome.drawn} that were drawn, of "
        f"{len(OPERATIONS)} operations in {outcome.seconds:.0f} s: {told}; "
        f"each operation succeeded at least {fewest} times; {len(found)} faults",
    )
    for line in found:
        print(f"  {line}")
    return int(bool(found) is not asked.planted)


if __name__ == "__main__":
    raise SystemExit(main())
