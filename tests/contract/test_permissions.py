"""Every operation times everybody who may ask: the answer follows from the policy.

Operations are those that the application routes. Bodies are empty: a denial comes before them,
and whoever is allowed is told of the body, or of the record that is not there.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import event, select, update

from app.commands.accounts import touch_key
from app.db import Sessions
from app.keys import digest_of, key_id_of, make_key
from app.middleware.surroundings import SECURITY_HEADERS
from app.models import Account, ApiKey
from app.models.base import Model, utc_now
from app.policy import POLICY, Role
from tests.accounts import bearer, key_of
from tests.api.operations import OPERATIONS
from tests.conftest import ROOT

DENIALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
REFUSED_KEYS = ("malformed", "unknown", "expired", "revoked", "disabled")
CALLERS = ("anonymous", *REFUSED_KEYS, *Role)
# From the least to the most: not asked of the code that is tested.
RANKS = {role: rank for rank, role in enumerate(("contributor", "curator", "admin"))}
WRITES = re.compile(r"\s*(?:WITH\b.*\b)?(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE | re.DOTALL)


class Routed(NamedTuple):
    method: str
    path: str
    name: str


def routed(client: TestClient) -> list[Routed]:
    """What the application routes to, whether the document describes it or not."""
    assert isinstance(client.app, FastAPI)
    return sorted(
        Routed(method, str(context.path), context.route.name)
        for context in iter_route_contexts(client.app.routes)
        if isinstance(context.route, APIRoute)
        for method in context.methods or ()
    )


ADDRESSES = {(each.method, each.path): each.address for each in OPERATIONS}


def expected(caller: str, operation: str) -> int | None:
    """The status of a denial; None where the caller may ask. Raises KeyError without a row."""
    needed = POLICY[operation]
    if caller in REFUSED_KEYS:
        return HTTPStatus.UNAUTHORIZED
    if needed is None:
        return None
    if caller == "anonymous":
        return HTTPStatus.UNAUTHORIZED
    return None if RANKS[caller] >= RANKS[needed] else HTTPStatus.FORBIDDEN


def key_for(sessions: Sessions, caller: str) -> str | None:
    """What this caller shows; its use is noted already, so that a denial has nothing to note."""
    if caller == "anonymous":
        return None
    if caller == "malformed":
        return make_key().text[:-1]
    if caller == "unknown":
        return make_key().text
    key = key_of(sessions, Role(caller) if caller in RANKS else Role.admin, name=f"a-{caller}")
    key_id = key_id_of(key) or ""
    with sessions.write.begin() as session:
        touch_key(session, key_id)
        its_key = update(ApiKey).where(ApiKey.key_id == key_id)
        if caller == "expired":
            session.execute(its_key.values(expires_at=utc_now() - timedelta(seconds=1)))
        elif caller == "revoked":
            session.execute(its_key.values(revoked_at=utc_now()))
        elif caller == "disabled":
            its_account = update(Account).where(Account.name == "a-disabled")
            session.execute(its_account.values(disabled_at=utc_now()))
    return key


def all_rows(sessions: Sessions) -> dict[str, list[str]]:
    with sessions.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table))))
            for table in Model.metadata.sorted_tables
        }


@pytest.fixture
def written(milia_sessions: Sessions) -> Iterator[list[str]]:
    """Every statement that writes; clear it before the part at issue."""
    sent: list[str] = []

    def record(*args: object) -> None:
        if WRITES.match(str(args[2])):
            sent.append(str(args[2]))

    engine = milia_sessions.read.kw["bind"].engine
    event.listen(engine, "before_cursor_execute", record)
    yield sent
    event.remove(engine, "before_cursor_execute", record)


def wrong_answers(
    client: TestClient, key: str | None, caller: str, operations: list[Routed], written: list[str]
) -> Iterator[str]:
    """Answers that are not what the policy says, denials that write, and of every answer
    the headers that it has to have."""
    headers = bearer(key) if key else {}
    names = {name.lower() for name in SECURITY_HEADERS}
    for each in operations:
        address = ADDRESSES.get((each.method, each.path), each.path)
        body: dict[str, str] | None = None if each.method == "GET" else {}
        written.clear()
        answer = client.request(each.method, address, json=body, headers=headers)
        status, due = answer.status_code, expected(caller, each.name)
        if missing := names - dict(answer.headers).keys():
            yield f"{each.name} answers {status} without {missing}"
        if key and "no-store" not in answer.headers.get("cache-control", ""):
            yield f"{each.name} answers {status} to a key, and may be kept"
        if key and (key in answer.text or digest_of(key) in answer.text):
            yield f"{each.name} answers {status} with the key"
        if status != due if due else status in DENIALS:
            yield f"{each.name} answers {status} and not {due or 'anything else'}"
        elif due and written:
            yield f"{each.name} denies and writes: {written[0]}"


@pytest.mark.parametrize("caller", CALLERS)
def test_everybody_gets_of_every_operation_what_the_policy_says(
    milia: TestClient, milia_sessions: Sessions, written: list[str], caller: str
) -> None:
    key = key_for(milia_sessions, caller)
    operations = routed(milia)
    denied = [each for each in operations if expected(caller, each.name)]
    before = all_rows(milia_sessions)

    wrong = list(wrong_answers(milia, key, caller, denied, written))

    assert wrong == []
    assert all_rows(milia_sessions) == before
    allowed = [each for each in operations if each not in denied]
    assert list(wrong_answers(milia, key, caller, allowed, written)) == []


def test_the_matrix_would_notice_roles_that_nobody_compares(
    milia: TestClient,
    milia_sessions: Sessions,
    written: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = key_for(milia_sessions, "contributor")
    above = [each for each in routed(milia) if POLICY[each.name] in {Role.curator, Role.admin}]
    monkeypatch.setattr(Role, "includes", lambda *_: True)

    wrong = list(wrong_answers(milia, key, "contributor", above, written))

    assert len(wrong) == len(above) > 0


def test_the_matrix_covers_what_is_routed_what_is_described_and_what_has_a_row(
    milia: TestClient,
) -> None:
    operations = routed(milia)

    described = {(each.method, each.path) for each in OPERATIONS}
    assert described <= {(each.method, each.path) for each in operations}
    assert {each.name for each in operations} == set(POLICY)
    # What the document leaves out is at a fixed address: there is nothing to fill in.
    left_out = [each for each in operations if (each.method, each.path) not in described]
    assert all("{" not in each.path for each in left_out), left_out


def test_the_security_document_tells_the_size_of_the_matrix(milia: TestClient) -> None:
    operations = len(routed(milia))

    said = (ROOT / "docs" / "security.md").read_text().replace("\n", " ")
    assert (
        f"{operations} operations times {len(CALLERS)} callers: {operations * len(CALLERS)} calls"
        in said
    )
