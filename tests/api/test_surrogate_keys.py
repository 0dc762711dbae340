"""What a CDN is told of an answer, and that purging by the change feed leaves nothing stale."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import make_engine, make_sessions
from app.policy import Role
from tests.accounts import signed_in
from tests.api.operations import READS, fill
from tests.api.sources import Desk
from tests.apps import make_app
from tests.commands.seeds import load, small_seed
from tests.contract.calls import CALLS, who_calls
from tests.contract.test_hostile_input import NAMES, WITH_BODY
from tests.databases import migrated_database

MILIA = "claimbase condition-milia"
OTHERS = "claimbase others"
OF_MILIA = [
    "/conditions/milia",
    "/claims?condition=milia",
    "/claims?condition=milia&type=cause&facet=severity",
    "/claims/CLM1",
]
OF_MANY = [
    "/conditions/milia?format=md",
    "/conditions",
    "/conditions/Milia",
    "/claims",
    "/claims?condition=milia&q=milia",
    "/claims?condition=milia&facet=condition",
    "/conflicts",
    "/documents",
    "/changes",
    "/vocabulary",
    "/claims/CLM1?as_of=1",
]
PURGED_BY = ("claim", "conflict", "condition")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    engine = make_engine(migrated_database("cdn", tmp_path))
    sessions = make_sessions(engine)
    load(sessions, small_seed())
    with TestClient(make_app(sessions, shared_max_age=60), follow_redirects=False) as client:
        contributor, curator, admin = (signed_in(client, sessions, role) for role in Role)
        yield Desk(client, contributor, curator, admin, sessions)
    engine.dispose()


def keys_to_purge(feed: Any) -> set[str]:
    """As docs/scaling.md says it."""
    keys = {"others"}
    for change in feed["data"]:
        for event in change["events"]:
            record = event["record"]
            if record is None or event["record_type"] not in PURGED_BY:
                keys.add("claimbase")
            elif event["record_type"] == "condition":
                keys.add(f"condition-{record['slug']}")
            else:
                keys.add(f"condition-{record['condition']['slug']}")
    return keys


def test_an_answer_about_one_condition_has_its_key(desk: Desk) -> None:
    conflict = desk.public.get("/conflicts").json()["data"][0]["id"]
    of_milia = [*OF_MILIA, f"/conflicts/{conflict}"]
    found = {path: desk.public.get(path) for path in [*of_milia, *OF_MANY]}

    assert {path: answer.status_code for path, answer in found.items()} == {
        path: 308 if path == "/conditions/Milia" else 200 for path in found
    }
    keys = {path: answer.headers["surrogate-key"] for path, answer in found.items()}
    assert keys == dict.fromkeys(of_milia, MILIA) | dict.fromkeys(OF_MANY, OTHERS)
    assert {answer.headers["cdn-cache-control"] for answer in found.values()} == {
        "public, max-age=60"
    }


def test_what_is_answered_to_a_key_is_for_no_cdn(desk: Desk) -> None:
    for path in OF_MILIA:
        answer = desk.curator.get(path)

        assert not {"surrogate-key", "cdn-cache-control"} & set(answer.headers), path


def test_without_a_cdn_there_are_no_keys(milia: TestClient) -> None:
    answer = milia.get("/conditions/milia")

    assert not {"surrogate-key", "cdn-cache-control"} & set(answer.headers)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_write_changes_is_purged_by_what_the_feed_tells(desk: Desk, name: str) -> None:
    [operation] = [each for each in WITH_BODY if each.described["operationId"] == name]
    call = CALLS[name](desk)
    paths = [*OF_MILIA, *(read.address for read in READS if "stream" not in read.path)]
    before = {path: desk.public.get(path) for path in paths}
    assert all(answer.status_code < 500 for answer in before.values())
    last = before["/changes"].json()["meta"]["last"]

    answer = who_calls(desk, name).request(
        operation.method, fill(operation.path, call.path), json=call.body, headers=call.headers
    )

    assert answer.is_success, answer.text
    purged = keys_to_purge(desk.public.get(f"/changes?after={last}&limit=100").json())
    for path, former in before.items():
        keys = set(former.headers.get("surrogate-key", "").split())
        if keys and not keys & purged:
            assert desk.public.get(path).content == former.content, path
