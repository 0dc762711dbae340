"""A source or a concept changes while somebody uses it: on a real file or server."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.claim_edits import Edit, edit_claim
from app.commands.concept_edits import edit_concept
from app.commands.concept_merges import merge_concept
from app.commands.document_edits import change_document_status
from app.commands.document_texts import replace_document_text
from app.commands.touched import RecordEdit
from app.db import Sessions, make_engine, make_sessions
from app.errors import ClaimbaseError
from app.models import Claim, Concept, Document
from app.schemas.document_edits import StatusIn, TextIn
from tests.api.sources import faults_of
from tests.commands.seeds import FIRST, TEXT, Seed, cite, claim, concept, load, small_seed
from tests.commands.test_collisions import ACTOR, VOCABULARY, write
from tests.databases import migrated_database

Command = Callable[[Session, ChangeDraft], Any]
REASON = "A test needs it."
# Long enough for the second writer to come to where it has to wait for the first.
A_WHILE = 0.5
QUOTED = cite("It comes from a gene")
DEAD = {"passage": "dead/p1", "locator": "line 1"}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Sessions]:
    """Sessions that commit, on a base with a second condition that cites other documents."""
    engine = make_engine(migrated_database("sources", tmp_path))
    real = make_sessions(engine)
    load(real, two_conditions())
    yield real
    engine.dispose()


def two_conditions() -> Seed:
    seed = small_seed()
    seed["conditions"].append({"slug": "acne", "name": "Acne"})
    seed["documents"] += [
        {"key": key, "title": key, "passages": [{"key": "p1", "start": 0, "end": 10}]}
        for key in ("dead", "alive")
    ]
    seed["concepts"].append(concept("seldom"))
    for value, document in (("rare", "dead"), ("common", "alive")):
        cited = {"passage": f"{document}/p1", "locator": "line 1"}
        made = claim("prevalence.frequency", value, cited)
        seed["claims"].append(made | {"condition": "acne", "key": f"acne/{value}"})
    return seed


def version_of(real: Sessions, model: Any, key: str) -> tuple[int, int]:
    with real.read() as session:
        id_, version = session.execute(
            select(model.id, model.version).where(model.key == key)
        ).one()
    return id_, version


def editing(real: Sessions, key: str, **patch: object) -> Command:
    edit = Edit(*version_of(real, Claim, key), ACTOR, VOCABULARY)
    return lambda session, draft: edit_claim(session, draft, edit, patch)


def marking(real: Sessions, key: str, status: str) -> Command:
    edit = RecordEdit(*version_of(real, Document, key), VOCABULARY)
    body = StatusIn.model_validate({"status": status, "reason": REASON})
    return lambda session, draft: change_document_status(session, draft, edit, body)


def replacing_the_text(real: Sessions) -> Command:
    """The leaflet's text from now on has three letters more at its beginning."""
    edit = RecordEdit(*version_of(real, Document, "leaflet"), VOCABULARY)
    passages = [
        {"key": "p1", "start": 0, "end": len(FIRST) + 3},
        {"key": "p2", "start": len(FIRST) + 4, "end": len(TEXT) + 3},
    ]
    body = TextIn.model_validate({"text": f"A. {TEXT}", "passages": passages, "reason": REASON})
    return lambda session, draft: replace_document_text(session, draft, edit, body)


def merging(real: Sessions) -> Command:
    edit = RecordEdit(*version_of(real, Concept, "gland"), VOCABULARY)
    return lambda session, draft: merge_concept(session, draft, edit, "gene")


def one_inside_the_other(real: Sessions, first: Command, second: Command) -> list[str]:
    """Begin the second before the first has committed; what the second was refused for."""
    refused: list[str] = []

    def follow() -> None:
        try:
            write(real, second)
        except ClaimbaseError as error:
            refused.append(error.code)

    thread = threading.Thread(target=follow)
    draft = ChangeDraft("person", "curator", "test", REASON)
    with real.write.begin() as session:
        first(session, draft)
        session.flush()
        thread.start()
        thread.join(A_WHILE)
        assert thread.is_alive()
        finish_change(session, draft)
    thread.join()
    with real.read() as session:
        assert faults_of(session) == []
    return refused


@pytest.fixture(params=["the user first", "the changer first"])
def order(request: pytest.FixtureRequest) -> slice:
    return slice(None) if request.param == "the user first" else slice(None, None, -1)


def test_who_cites_a_document_while_it_is_retracted_sees_that_and_is_seen(
    real: Sessions, order: slice
) -> None:
    write(real, marking(real, "dead", "retracted"))
    citing = editing(
        real, "acne/rare", citations=[DEAD, {"passage": "leaflet/p1", "locator": "line 1"}]
    )

    both = [citing, marking(real, "leaflet", "retracted")][order]

    assert one_inside_the_other(real, *both) == []
    with real.read() as session:
        flags = session.scalars(select(Claim.conflict).where(Claim.key.like("acne/%"))).all()
    assert flags == [False, False]


def test_a_quote_is_verified_by_the_text_that_is_held_when_it_is_cited(
    real: Sessions, order: slice
) -> None:
    citing = editing(real, "acne/rare", citations=[DEAD, QUOTED])

    both = [citing, replacing_the_text(real)][order]

    is_late = order.step == -1
    assert one_inside_the_other(real, *both) == (["invalid-request"] if is_late else [])


def test_nobody_uses_a_concept_that_is_being_merged_away(real: Sessions, order: slice) -> None:
    id_, _ = version_of(real, Concept, "gland")
    using = editing(real, "acne/rare", concept="gland")

    both = [using, merging(real)][order]

    is_late = order.step == -1
    assert one_inside_the_other(real, *both) == (["invalid-request"] if is_late else [])
    with real.read() as session:
        assert session.scalars(select(Claim.key).where(Claim.concept_id == id_)).all() == []


def test_a_broader_concept_counts_for_who_begins_to_use_it_meanwhile(
    real: Sessions, order: slice
) -> None:
    using = editing(real, "acne/rare", concept="seldom", citations=[DEAD, QUOTED])
    edit = RecordEdit(*version_of(real, Concept, "seldom"), VOCABULARY)

    def relating(session: Session, draft: ChangeDraft) -> None:
        edit_concept(session, draft, edit, {"broader": ["common"]})

    both = [using, relating][order]

    assert one_inside_the_other(real, *both) == []
    with real.read() as session:
        flags = session.scalars(select(Claim.conflict).where(Claim.key.like("acne/%"))).all()
    assert flags == [False, False]
