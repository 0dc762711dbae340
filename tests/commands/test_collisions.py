"""Writers at the same time, on a real file or server: nobody overlooks the other."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.claim_edits import Edit, create_claim
from app.commands.claim_reviews import PUBLISH, RESTORE, RETRACT, SUBMIT, Step, move_claim
from app.db import Sessions, make_engine, make_sessions
from app.errors import ConflictingStateError
from app.models import Change, Claim
from app.policy import Role
from app.queries.accounts import Actor
from app.schemas.claim_edits import ClaimIn
from app.schemas.seed import ClaimContent
from app.vocabulary import load_vocabulary
from tests.databases import seeded_database

ACTOR = Actor("curator", Role.curator, None)
VOCABULARY = load_vocabulary()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """Sessions that commit."""
    folder: Path = tmp_path_factory.mktemp("db")
    url = seeded_database("collisions", folder)
    engine = make_engine(url)
    yield make_sessions(engine)
    engine.dispose()


def write(real: Sessions, command: Callable[[Session, ChangeDraft], int | None]) -> int | None:
    draft = ChangeDraft("person", "curator", "test", "A test needs it.")
    with real.write.begin() as session:
        result = command(session, draft)
        finish_change(session, draft)
    return result


def created(real: Sessions, body: ClaimIn) -> int:
    id_ = write(real, lambda session, draft: create_claim(session, draft, body, VOCABULARY))
    assert id_ is not None
    return id_


def step(real: Sessions, claim_id: int, version: int, wanted: Step) -> None:
    edit = Edit(claim_id, version, ACTOR, VOCABULARY)

    def move(session: Session, draft: ChangeDraft) -> None:
        move_claim(session, draft, edit, wanted)

    write(real, move)


def frequency(concept: str) -> ClaimIn:
    """About people whom no other claim is about, so that only these two can clash."""
    return ClaimIn.model_validate(
        {
            "condition": "milia",
            "subject": "pain",
            "question": "prevalence.frequency",
            "statement": f"Pain in milia is {concept}.",
            "concept": concept,
            "citations": [{"passage": "milia-syndrome/p1", "locator": "x"}],
            "reason": "A test needs it.",
        },
    )


def identity_of(body: ClaimIn) -> str:
    return ClaimContent.model_validate(body.model_dump(exclude={"key", "reason"})).identity


def at_once(*calls: Callable[[], object]) -> list[BaseException]:
    """What went wrong in any of them."""
    barrier = threading.Barrier(len(calls))
    wrong: list[BaseException] = []

    def call(one: Callable[[], object]) -> None:
        barrier.wait()
        try:
            one()
        except Exception as error:  # noqa: BLE001 - handed to the test
            wrong.append(error)

    threads = [threading.Thread(target=call, args=(one,)) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_two_sides_published_at_once_both_see_the_conflict(real: Sessions) -> None:
    sides = [created(real, frequency(one)) for one in ("rare", "common")]
    for side in sides:
        step(real, side, 1, SUBMIT)
    version, way = 2, PUBLISH
    for _ in range(15):
        both = [partial(step, real, side, version, way) for side in sides]

        wrong = at_once(*both)

        assert wrong == []
        with real.read() as session:
            flags = session.scalars(select(Claim.conflict).where(Claim.id.in_(sides))).all()
        assert flags == [True, True]
        for side in sides:
            step(real, side, version + 1, RETRACT)
        version, way = version + 2, RESTORE


def test_the_same_claim_made_at_once_is_made_once(real: Sessions) -> None:
    body = frequency("col17a1-mutation")

    wrong = at_once(*[partial(created, real, body)] * 4)

    assert [type(error) for error in wrong] == [ConflictingStateError] * 3
    with real.read() as session:
        assert session.scalar(select(func.count()).where(Claim.identity == identity_of(body))) == 1


def test_the_numbers_of_changes_made_at_once_have_no_gap(real: Sessions) -> None:
    bodies = [
        frequency("rare").model_copy(
            update={"question": "recommendation.advice", "concept": None, "words": f"word {number}"}
        )
        for number in range(8)
    ]

    wrong = at_once(*(partial(created, real, body) for body in bodies))

    assert wrong == []
    with real.read() as session:
        numbers = session.scalars(select(Change.number).order_by(Change.number)).all()
    assert numbers == list(range(1, len(numbers) + 1))
