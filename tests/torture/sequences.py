"""Calls that follow one from another, as the OpenAPI document links them: does any lead astray?

``python -m tests.torture.sequences [--scenarios 500] [--seed 1] [--planted]``; the base is SQLite,
or one of the server that ``CLAIMBASE_TEST_DATABASE_URL`` names. schemathesis makes records, and
calls what the answers link to, with the addresses and entity tags that they give, up to ``STEPS``
times; so it does from the first record of each list. Bodies are mostly ones that are known to be
accepted. Each scenario is undone as a whole.

Besides what ``tests.torture.schemas`` asks of each answer: whoever may read everything finds what
was just answered. The planted fault is a later version of a claim that cannot be read.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import Flaky
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.generation.stateful.state_machine import StepOutput, normalize_name
from schemathesis.python.asgi import ASGIClient
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.main import create_app
from tests.api.operations import OPERATIONS
from tests.api.sources import Desk, desk_at
from tests.apps import document
from tests.conftest import rolled_back
from tests.torture import schemas
from tests.torture.known_calls import LISTS, Known, known_call
from tests.torture.planted import failing_later_versions
from tests.torture.schemas import DATABASE, name_of, new_base, one_client, strict_document

STEPS, SCENARIOS_OF_A_SEED = 25, 10
ENOUGH = 500  # scenarios, to reach everything
KNOWN, HALF = 0.9, 0.5  # of the bodies and queries; of what contributors do
ROLES = ("admin",) * 16 + ("curator", "curator", "contributor", None)
# Changes that they propose, and take back.
OF_CONTRIBUTORS = {
    "change_claim",
    "add_citation",
    "change_citation",
    "remove_citation",
    "withdraw_own_proposal",
}
# Of what there can be only one: the members that are another each time.
UNIQUE = {
    "add_account": ("name",),
    "add_citation": ("locator",),
    "add_claim": ("key", "words", "statement"),
    "change_claim": ("statement",),
    "create_concept": ("key", "label"),
    "create_condition": ("slug",),
    "create_document": ("key", "url", "text"),
    "edit_condition": ("name",),
}
UNWANTED = ("Authorization", "Claimbase-Change", "Idempotency-Key")
# What is linked, and need not be there.
MAY_BE_MISSING = {"read_document_text"}


@dataclass
class Outcome(schemas.Outcome):
    """``followed``: how often each link was, by source and target; ``led_on``: with success."""

    scenarios: int = 0
    followed: Counter[tuple[str, str]] = field(default_factory=Counter)
    led_on: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def never_led_on(self) -> set[str]:
        """Operations that are linked, and never succeeded when a link was followed to them."""
        return set(document()["components"]["links"]) - {target for _, target in self.led_on}


def run(engine: Engine, scenarios: int, number: int, *, planted: bool = False) -> Outcome:
    """``engine`` is of a base with the vocabulary and nothing else; it is left as it was."""
    outcome, begun = Outcome(), time.monotonic()
    with rolled_back(engine) as sessions:
        app = create_app(Settings(), sessions=sessions)
        app.openapi_schema = document()
        schema = schemathesis.openapi.from_dict(_document_with_lists())
        # Links that the document has not are guesses of names.
        schema.config.phases.stateful.inference.algorithms = []
        schema.config.generation.update(modes=[GenerationMode.POSITIVE])
        schema.app = failing_later_versions(app) if planted else app
        caller = Caller(desk_at(TestClient(app), sessions), sessions.read.kw["bind"], outcome)
        with one_client(schema.app) as caller.client:
            while outcome.scenarios < scenarios:
                number += 1
                caller.number = number
                # A call that is made once more can be answered otherwise.
                with suppress(Flaky):
                    seed(number)(_machine(schema, caller)).run(
                        settings=settings(
                            max_examples=min(scenarios - outcome.scenarios, SCENARIOS_OF_A_SEED),
                            stateful_step_count=STEPS,
                            database=None,
                            deadline=None,
                            suppress_health_check=list(HealthCheck),
                            phases=[Phase.generate],
                        ),
                    )
    outcome.seconds = time.monotonic() - begun
    return outcome


class Caller:
    """What is known of the calls, and what comes of them."""

    client: ASGIClient

    def __init__(self, desk: Desk, connection: Connection, outcome: Outcome) -> None:
        self.connection, self.outcome = connection, outcome
        self.number = 0
        self._known = dict(_known_calls(desk, connection))
        self._keys = {
            role: getattr(desk, role).headers["authorization"] if role else None for role in ROLES
        }

    def begin(self) -> None:
        """A scenario: with the same luck as the others of its number, which hypothesis varies."""
        self.outcome.scenarios += 1
        self._luck = random.Random(self.number)

    def prepare(self, given: Any) -> str | None:
        """Choose who calls; mostly take what the link gives, and what is known to be accepted."""
        case = given.case
        known, role = self._known[name_of(case)], self._luck.choice(ROLES)
        if name_of(case) in OF_CONTRIBUTORS and self._luck.random() < HALF:
            role = "contributor"
        for name in UNWANTED:
            case.headers.pop(name, None)
        if given.transition is not None and self._luck.random() < KNOWN:
            case.path_parameters.update(_given(given, "path_parameters"))
            case.headers.update(_given(given, "headers"))
        if key := self._keys[role]:
            case.headers["Authorization"] = key
        if "Content-Type" in known.headers:
            case.headers["Content-Type"] = known.headers["Content-Type"]
        if self._luck.random() < KNOWN:
            case.query = dict(known.query)
        if known.body and self._luck.random() < KNOWN:
            case.body = self._body(name_of(case), known.body)
        return role

    def _body(self, name: str, body: Any) -> Any:
        if name not in UNIQUE:
            return body
        number = self._luck.randrange(10**9)
        others = {member: f"{body[member]}-{number}" for member in UNIQUE[name]}
        return {member: said for member, said in body.items() if member != "aliases"} | others

    def judge(self, given: Any, answer: Any, role: str | None) -> None:
        self.outcome.judge(given.case, answer, has_key=role is not None)
        if given.transition is None or not _leads_as_told(given):
            return
        source, target = given.transition.id.split(" -> ")[0], name_of(given.case)
        self.outcome.followed[source, target] += 1
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self.outcome.led_on[source, target] += 1
        is_found = answer.status_code != HTTPStatus.NOT_FOUND or target in MAY_BE_MISSING
        if (
            answer.request.method == "GET"
            and role == "admin"
            and not (is_found or given.case.query)
        ):
            self.outcome.note(given.case, answer, "lost", f"{source} has just answered it")


def _machine(schema: Any, caller: Caller) -> Any:
    """The class of the scenarios."""

    class Scenario(schema.as_state_machine()):  # type: ignore[misc] # it is made at run time
        def setup(self) -> None:
            self._undone = caller.connection.begin_nested()
            caller.begin()

        def teardown(self) -> None:
            self._undone.rollback()

        def step(self, input: Any) -> Any:  # noqa: A002 - schemathesis' name
            role = caller.prepare(input)
            answer = self.call(input.case, session=caller.client)
            self.after_call(answer, input.case)
            caller.judge(input, answer, role)
            return StepOutput(answer, input.case)

    for operation in OPERATIONS:
        name = normalize_name(f"RANDOM -> {operation.method} {operation.path}")
        if operation.path_parameters and name in Scenario.root_rules:
            setattr(Scenario, name, None)  # a guess finds nothing there
    return Scenario


def _given(step: Any, place: str) -> dict[str, Any]:
    """What a link gives; schemathesis leaves some of it out, to see more."""
    parts = step.transition.parameters.get(place, {})
    return {
        name: part.value.ok()
        for name, part in parts.items()
        if isinstance(part.value, Ok) and isinstance(part.value.ok(), str | int)
    }


def _leads_as_told(step: Any) -> bool:
    given, path = _given(step, "path_parameters"), step.case.path_parameters
    is_whole = given.keys() == step.transition.parameters.get("path_parameters", {}).keys()
    return is_whole and all(path[name] == part for name, part in given.items())


def _document_with_lists() -> dict[str, Any]:
    """The first record of a list is one that is public, and leads on."""
    described = strict_document()
    for parameter, path in LISTS.items():
        read = described["paths"][f"{path}/{{{parameter}}}"]["get"]["operationId"]
        where = {f"path.{parameter}": "$response.body#/data/0/id"}
        answers = described["paths"][path]["get"]["responses"]
        first = {"first": {"operationId": read, "parameters": where}}
        answers["200"] = answers["200"] | {"links": first}
    return described


def _known_calls(desk: Desk, connection: Connection) -> Iterator[tuple[str, Known]]:
    """What they made is undone: of their parts only bodies and queries are of use."""
    others = {
        "decide_on_conflict": {"kind": "dismissed", "reason_code": "duplicate"},  # asserted ones
        "merge_claim_into": {"into": desk.claim("gene")["id"]},
    }
    for operation in OPERATIONS:
        name = operation.described["operationId"]
        with connection.begin_nested() as undone:
            call = known_call(desk, operation)
            undone.rollback()
        yield name, call._replace(body=call.body | others[name]) if name in others else call


def problems(outcome: Outcome) -> Iterator[str]:
    if outcome.scenarios >= ENOUGH:
        yield from (f"{name}: linked and never reached" for name in sorted(outcome.never_led_on))
    for (name, status, kind), (times, told) in sorted(outcome.wrong.items()):
        yield f"{name}: {kind} at {status}, {times} times; the first: {told[:1500]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    given = parser.parse_args()
    with new_base() as engine:
        outcome = run(engine, given.scenarios, given.seed, planted=given.planted)
    found = list(problems(outcome))
    told = ", ".join(f"{times} x {status}" for status, times in sorted(outcome.statuses.items()))
    missing = sorted(outcome.never_led_on)
    print(
        f"{DATABASE}: {outcome.scenarios} scenarios of {outcome.cases} calls in "
        f"{outcome.seconds:.0f} s: {told}; {outcome.followed.total()} links followed, "
        f"{outcome.led_on.total()} with success, {len(outcome.led_on)} different pairs of "
        f"operations; linked and never reached: {', '.join(missing) or 'none'}; "
        f"{len(found)} faults",
    )
    for line in found:
        print(f"  {line}")
    return int(bool(found) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
