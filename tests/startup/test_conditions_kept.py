"""Answers about one condition are kept while others are edited, and never longer than they hold."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update

from app.db import make_engine, make_sessions, sqlite_driver, sqlite_path
from app.models import Citation, Claim, Concept, Condition
from app.policy import Role
from tests.accounts import bearer, key_of
from tests.api.curation import REASON, body_of, drafted, moved, patched, published
from tests.api.sources import leaflet
from tests.databases import SERVER, seeded_database
from tests.startup.kept import asking, eventually, make_service, other_program
from tests.torture.kept_answers import run

of_a_file = pytest.mark.skipif(SERVER is not None, reason="a file, or commits seen at once")
PAGE = "/conditions/milia"
LIST = "/claims?condition=milia&type=cause&facet=severity&limit=5"
FLAGGED = "/claims?conflict=true&limit=1"
OTHER = {"slug": "rosacea", "name": "Rosacea", "reason": REASON}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return seeded_database("kept", tmp_path)


@pytest.fixture
def client(url: str) -> Iterator[TestClient]:
    with asking(make_service(url), follow_redirects=False) as client:
        yield client


@pytest.fixture
def other(url: str) -> Iterator[Engine]:
    with other_program(url) as engine:
        yield engine


@pytest.fixture
def curator(client: TestClient, other: Engine) -> TestClient:
    """Who edits; there is a second condition, with a published claim."""
    headers = bearer(key_of(make_sessions(other), Role.admin))
    curator = TestClient(client.app, headers=headers)
    answer = curator.post("/conditions", json=OTHER)
    assert answer.status_code == 201, answer.text
    published(curator, body_of("shade", condition="rosacea"))
    return curator


def is_kept(client: TestClient, address: str) -> bool:
    """Whether the answer comes from memory."""
    app = client.app
    assert isinstance(app, FastAPI)
    counts = app.state.metrics.cache
    before = counts.hits
    assert client.get(address).status_code == 200
    return bool(counts.hits > before)


def is_made_anew(client: TestClient, address: str) -> bool:
    return not is_kept(client, address)


def of_milia(client: TestClient) -> list[str]:
    """The addresses of what is about milia alone."""
    claim = client.get(FLAGGED).json()["data"][0]
    own = [f"/claims/{claim['id']}", f"/conflicts/{claim['conflicts'][0]['id']}"]
    return [PAGE, LIST, *own]


def read_all(client: TestClient, addresses: list[str]) -> None:
    """On PostgreSQL what another test writes in the same server counts as a write: then again."""
    for address in addresses:
        client.get(address)
        assert any(is_kept(client, address) for _ in range(1 if SERVER is None else 20)), address


EDITS: dict[str, Callable[[TestClient, dict[str, Any]], Any]] = {
    "a draft": lambda curator, _: drafted(curator, body_of("wind", condition="rosacea")),
    "a claim": lambda curator, _: published(curator, body_of("wind", condition="rosacea")),
    "an edit": lambda curator, claim: patched(curator, claim, statement="Otherwise said."),
    "a retraction": lambda curator, claim: moved(curator, claim, "retract"),
    "a concept": lambda curator, _: curator.post(
        "/concepts", json={"key": "hat", "label": "hat", "kind": "other", "reason": REASON}
    ).raise_for_status(),
    "a condition": lambda curator, _: curator.post(
        "/conditions",
        json={
            "slug": "acne",
            "name": "Acne",
            "aliases": [{"slug": "acne-vulgaris", "name": "Acne vulgaris"}],
            "xrefs": [{"id": "MESH:D000152", "fit": "exact"}],
            "reason": REASON,
        },
    ).raise_for_status(),
    "a document": lambda curator, _: curator.post(
        "/documents", json=leaflet(key="of-nobody")
    ).raise_for_status(),
}


@pytest.mark.parametrize("edit", EDITS)
def test_answers_about_a_condition_outlive_edits_of_another(
    client: TestClient, curator: TestClient, edit: str
) -> None:
    addresses = of_milia(client)
    [claim] = client.get("/claims?condition=rosacea").json()["data"]
    read_all(client, [*addresses, "/claims?type=cause", "/conditions"])

    EDITS[edit](curator, claim)

    assert [address for address in addresses if not is_kept(client, address)] == []
    assert not is_kept(client, "/claims?type=cause")
    assert not is_kept(client, "/conditions")


def test_an_edit_of_the_condition_itself_is_answered_at_once(
    client: TestClient, curator: TestClient
) -> None:
    addresses = of_milia(client)
    read_all(client, addresses)

    published(curator, body_of("wind"))

    assert [address for address in addresses if is_kept(client, address)] == []


@pytest.mark.parametrize(
    "address",
    [
        f"{PAGE}?exclude_passage=milia-syndrome/p1",
        f"{PAGE}/matrix",
        f"{PAGE}/revisions",
        "/claims?condition=milia&q=cysts",
        "/claims?condition=milia&concept=inherited",
        "/claims?condition=milia&condition=rosacea",
        "/claims?condition=milia&facet=condition",
        "/claims?condition=milia&document=milia-syndrome",
        "/claims?condition__not=rosacea",
        "/conflicts?condition=milia",
    ],
)
def test_what_may_be_made_of_more_than_one_condition_goes_with_every_commit(
    client: TestClient, curator: TestClient, address: str
) -> None:
    read_all(client, [address])

    published(curator, body_of("wind", condition="rosacea"))

    assert not is_kept(client, address)


@pytest.mark.parametrize(
    "statement",
    [
        update(Claim).where(Claim.id == 1).values(statement="Changed behind its back."),
        update(Citation).where(Citation.claim_id == 1).values(hedge="it may be"),
        update(Concept).values(label=Concept.label + "!"),
        update(Condition).where(Condition.slug == "rosacea").values(name="Red"),
    ],
)
def test_a_change_by_another_program_is_answered_at_once(
    client: TestClient, curator: TestClient, other: Engine, statement: Any
) -> None:
    assert curator is not None  # there is another condition
    addresses = [PAGE, "/claims/CLM1"]
    read_all(client, addresses)

    with other.begin() as connection:
        connection.execute(statement)

    for address in addresses:
        eventually(partial(is_made_anew, client, address))


def test_what_is_rolled_back_drops_nothing(client: TestClient, other: Engine) -> None:
    read_all(client, [PAGE, "/claims"])

    with other.connect() as connection:
        connection.execute(update(Claim).values(statement="Not for long."))
        connection.rollback()

    assert is_kept(client, PAGE)
    if SERVER is None:  # a transaction of PostgreSQL was one, also if it is undone
        assert is_kept(client, "/claims")


@of_a_file
def test_a_base_that_was_restored_is_not_taken_for_another_history(
    client: TestClient, url: str, other: Engine, tmp_path: Path
) -> None:
    """The same number of edits after a restore is not the same content."""
    path = sqlite_path(url)
    assert path is not None
    with other.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with make_engine(f"sqlite:///{tmp_path / 'backup.db'}").connect() as backup:
            driver.backup(backup.connection.driver_connection)
            said = update(Claim).where(Claim.id == 1)
            with other.begin() as editing:
                editing.execute(said.values(statement="Said before."))
            assert "Said before." in client.get(PAGE).text
            target: Any = backup.connection.driver_connection
            connection.rollback()
            target.backup(driver)
    with other.begin() as editing:
        editing.execute(said.values(statement="Said after."))

    assert "Said after." in client.get(PAGE).text


@of_a_file
def test_a_file_in_the_place_of_the_base_drops_everything(
    client: TestClient, url: str, tmp_path: Path
) -> None:
    path = sqlite_path(url)
    assert path is not None
    app: Any = client.app
    read_all(client, [PAGE])
    before = app.state.freshness.stamp()
    shutil.copy(path, tmp_path / "copy.db")

    (tmp_path / "copy.db").replace(path)

    give_up_at = time.monotonic() + 5
    while app.state.freshness.stamp() == before:
        assert time.monotonic() < give_up_at
    assert not is_kept(client, PAGE)


@of_a_file
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM documents",
        "REPLACE INTO documents SELECT * FROM documents",
        "UPDATE citations SET hedge = 'it may be'",
    ],
)
def test_a_program_that_asks_for_no_foreign_keys_is_noticed(
    client: TestClient, url: str, statement: str
) -> None:
    app: Any = client.app
    read_all(client, [PAGE])
    before = app.state.metrics.cache.hits

    with closing(sqlite_driver.connect(sqlite_path(url))) as connection:
        connection.execute(statement)
        connection.commit()

    with suppress(KeyError):  # without its documents there is no page
        client.get(PAGE)
    assert app.state.metrics.cache.hits == before


def test_after_each_of_many_changes_answers_are_those_of_an_application_without_memory() -> None:
    outcome = run(histories=1, steps=15)

    assert outcome.wrong == []
    assert outcome.outlived > 10  # so it was not all made anew
