"""Loading a seed: one change, idempotent, never over what people changed, all or nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event, finish_change
from app.commands.seed_reports import SeedReport
from app.db import Sessions, make_engine, make_sessions
from app.errors import SeedError
from app.models import (
    Change,
    Citation,
    Claim,
    Concept,
    Condition,
    Conflict,
    Document,
    Passage,
    Revision,
    SeedLoad,
    StoredVocabulary,
)
from app.queries.check import check_base
from app.queries.records import claim_records, document_records
from app.startup import migrate, seed_database
from app.vocabulary import Vocabulary, load_vocabulary
from tests.apps import make_app
from tests.commands.seeds import (
    Seed,
    cite,
    claim,
    claim_in,
    concept,
    concept_in,
    load,
    pairs,
    small_seed,
)
from tests.conftest import ROOT, SEED_FILE
from tests.databases import SERVER, new_database

RECORDS: dict[str, Any] = {
    "claim": Claim,
    "concept": Concept,
    "condition": Condition,
    "conflict": Conflict,
    "document": Document,
    "vocabulary": StoredVocabulary,
}


def revisions(sessions: Sessions, record_type: str, record_id: int) -> list[Revision]:
    with sessions.read() as session:
        return list(
            session.scalars(
                select(Revision)
                .where(Revision.record_type == record_type, Revision.record_id == record_id)
                .order_by(Revision.version),
            ),
        )


def claim_row(sessions: Sessions, key: str) -> Claim:
    with sessions.read() as session:
        return session.scalars(select(Claim).where(Claim.key == key)).one()


def statement_of(sessions: Sessions, value: str) -> str:
    return claim_row(sessions, claim_in(small_seed(), value)["key"]).statement


def open_conflicts(sessions: Sessions) -> dict[str, Conflict]:
    """By question; the small seed has one of each."""
    with sessions.read() as session:
        rows = session.scalars(select(Conflict).where(Conflict.status == "open"))
        return {row.question: row for row in rows}


def edit_by_a_person(sessions: Sessions, key: str, statement: str) -> None:
    with sessions.write.begin() as session:
        row = session.scalars(select(Claim).where(Claim.key == key)).one()
        row.statement, row.version = statement, row.version + 1
        session.flush()
        draft = ChangeDraft("person", "ana", "edit", "Better words.")
        record = claim_records(session, [row.id])[row.id]
        draft.events.append(
            Event("claim", row.id, row.version, "updated", record, row.condition_id)
        )
        finish_change(session, draft)


def changed_vocabulary(**changes: Any) -> Vocabulary:
    """The shipped one with fields of the question ``cause.origin`` replaced."""
    body = load_vocabulary().model_dump(mode="json")
    body["version"] += 1
    for question in body["questions"]:
        if question["key"] == "cause.origin":
            question.update(changes)
    return Vocabulary.model_validate(body)


def faults(sessions: Sessions, vocabulary: Vocabulary | None = None) -> list[str]:
    with sessions.read() as session:
        return check_base(session, vocabulary or load_vocabulary(), lambda _: None)


# One change, revision 1 of everything


def test_loading_a_seed_is_one_change(milia_session: Session) -> None:
    change = milia_session.scalars(select(Change)).one()

    assert (change.number, change.origin, change.actor) == (1, "seed", "seed")


@pytest.mark.parametrize("record_type", RECORDS)
def test_every_record_of_the_seed_has_revision_1(milia_session: Session, record_type: str) -> None:
    rows = milia_session.scalars(select(RECORDS[record_type].id)).all()

    found = milia_session.execute(
        select(Revision.record_id, Revision.version, Revision.change, Revision.until_change).where(
            Revision.record_type == record_type,
        ),
    ).all()

    assert rows
    assert sorted(map(tuple, found)) == sorted((id_, 1, 1, None) for id_ in rows)


def test_events_of_the_change_are_numbered_without_gaps(milia_session: Session) -> None:
    numbers = milia_session.scalars(select(Revision.event).order_by(Revision.event)).all()

    assert list(numbers) == list(range(1, len(numbers) + 1))


def snapshots(session: Session, record_type: str) -> list[dict[str, Any]]:
    return list(
        session.scalars(select(Revision.snapshot).where(Revision.record_type == record_type)),
    )


def computed_left_out(answer: dict[str, Any], snapshot: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in snapshot}


@pytest.mark.parametrize(
    ("record_type", "path", "name"),
    [("claim", "/claims", "id"), ("conflict", "/conflicts", "id"), ("concept", "/concepts", "key")],
)
def test_a_snapshot_is_what_the_api_answers_without_what_is_computed(
    milia: TestClient,
    milia_session: Session,
    record_type: str,
    path: str,
    name: str,
) -> None:
    for snapshot in snapshots(milia_session, record_type)[:20]:
        answer = milia.get(f"{path}/{snapshot[name]}").json()

        assert computed_left_out(answer, snapshot) == snapshot


def test_the_snapshot_of_a_condition_is_what_its_page_says(
    milia: TestClient,
    milia_session: Session,
) -> None:
    [snapshot] = snapshots(milia_session, "condition")

    answer = milia.get("/conditions/milia").json()

    assert computed_left_out(answer, snapshot) == snapshot


def test_the_snapshot_of_a_document_is_what_the_api_answers(
    milia: TestClient,
    milia_session: Session,
) -> None:
    [snapshot] = snapshots(milia_session, "document")

    answer = milia.get(f"/documents/{snapshot['id']}").json()

    for passage in answer["passages"]:
        del passage["citations"]
    assert computed_left_out(answer, snapshot) == snapshot


# Again, and changed


def test_the_same_seed_again_is_known_by_its_digest_alone(
    milia_engine: Engine,
    statements: list[str],
) -> None:
    report = seed_database(make_sessions(milia_engine), SEED_FILE)

    assert report is None
    sent = [one for one in statements if not one.startswith(("BEGIN", "COMMIT", "ROLLBACK"))]
    assert [one.split("FROM ")[1].split()[0] for one in sent] == ["seed_loads", "vocabularies"]


def test_a_seed_that_differs_in_spelling_only_makes_no_change(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    seed["claims"].reverse()

    report = load(sessions, seed)

    assert report == SeedReport()
    assert statement_of(sessions, "gene") == "Somebody says gene."


def test_a_changed_part_becomes_version_2(sessions: Sessions) -> None:
    first = load(sessions, small_seed())
    seed = small_seed()
    claim_in(seed, "gene")["statement"] = "A gene is named as the origin."

    second = load(sessions, seed)

    row = claim_row(sessions, claim_in(seed, "gene")["key"])
    former, current = revisions(sessions, "claim", row.id)
    assert (row.version, row.statement) == (2, "A gene is named as the origin.")
    assert (former.change, former.until_change) == (first.change, second.change)
    assert (current.version, current.change, current.until_change) == (2, second.change, None)
    assert former.snapshot["statement"] == "Somebody says gene."
    assert second.updated == {"claim": 1}


def test_nothing_else_gets_a_version_when_one_claim_changes(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    claim_in(seed, "gene")["statement"] = "A gene is named as the origin."

    report = load(sessions, seed)

    with sessions.read() as session:
        touched = session.scalars(
            select(Revision.record_type).where(Revision.change == report.change),
        ).all()
    assert touched == ["claim"]


def test_every_kind_of_part_is_updated(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    seed["conditions"][0] |= {"name": "Milium", "aliases": [{"slug": "milk-spots", "name": "M"}]}
    seed["documents"][0]["title"] = "Another title"
    seed["concepts"][0] |= {"synonyms": ["a gene"], "xrefs": [{"id": "MESH:D005796"}]}

    report = load(sessions, seed)

    assert report.updated == {"condition": 1, "document": 1, "concept": 1}
    assert faults(sessions) == []


def test_a_part_changed_back_and_forth_keeps_all_its_versions(sessions: Sessions) -> None:
    seed = small_seed()
    concept_in(seed, "gene").update(synonyms=["a", "b"], xrefs=[{"id": "MESH:D005796"}])
    changed = small_seed()
    concept_in(changed, "gene").update(synonyms=["b", "c"], xrefs=[{"id": "MESH:D005796"}])

    for one in (seed, changed, seed):
        load(sessions, one)

    with sessions.read() as session:
        id_ = session.scalars(select(Concept.id).where(Concept.key == "gene")).one()
    said = [revision.snapshot["synonyms"] for revision in revisions(sessions, "concept", id_)]
    assert said == [["a", "b"], ["b", "c"], ["a", "b"]]


# What people did


def test_what_a_person_changed_is_left_and_reported(sessions: Sessions) -> None:
    load(sessions, small_seed())
    key = claim_in(small_seed(), "gene")["key"]
    edit_by_a_person(sessions, key, "As Ana has it.")
    seed = small_seed()
    claim_in(seed, "gene")["statement"] = "As the seed would have it."

    report = load(sessions, seed)

    assert report.left == [f"claim {key}"]
    assert statement_of(sessions, "gene") == "As Ana has it."


def test_what_a_person_changed_is_not_reported_while_the_seed_says_nothing_new(
    sessions: Sessions,
) -> None:
    load(sessions, small_seed())
    edit_by_a_person(sessions, claim_in(small_seed(), "gene")["key"], "As Ana has it.")
    seed = small_seed()
    claim_in(seed, "pain")["statement"] = "It is said to hurt."

    report = load(sessions, seed)

    assert report.left == []
    assert statement_of(sessions, "gene") == "As Ana has it."


def test_a_key_that_a_new_seed_leaves_out_is_kept_and_reported(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    seed["claims"] = [one for one in seed["claims"] if not one["key"].endswith("/pain")]

    report = load(sessions, seed)

    key = claim_in(small_seed(), "pain")["key"]
    assert report.missing == [f"claim {key}"]
    assert claim_row(sessions, key).status == "published"


def test_a_claim_that_exists_under_another_key_is_left_and_reported(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    claim_in(seed, "gene")["key"] = "milia/renamed"

    report = load(sessions, seed)

    assert report.left == ["claim milia/renamed"]
    assert report.missing == ["claim milia/cause.origin/gene"]
    assert faults(sessions) == []


def test_two_claims_of_the_seed_may_exchange_what_they_say(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    first, second = claim_in(seed, "gene"), claim_in(seed, "gland")
    first["concept"], second["concept"] = second["concept"], first["concept"]
    first["citations"], second["citations"] = second["citations"], first["citations"]

    report = load(sessions, seed)

    assert (report.left, report.updated) == ([], {"claim": 2})
    assert faults(sessions) == []


def test_a_new_claim_may_say_what_a_changed_one_said_before(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    seed["concepts"].append(concept("metabolism"))
    taken_over = {**claim_in(seed, "gene"), "key": "milia/new"}
    claim_in(seed, "gene")["concept"] = "metabolism"
    seed["claims"].insert(0, taken_over)

    report = load(sessions, seed)

    assert report.left == []
    assert claim_row(sessions, "milia/new").version == 1


# Passages


def without_second_passage(seed: Seed) -> Seed:
    seed["documents"][0]["passages"].pop()
    seed["claims"] = [
        one for one in seed["claims"] if one["citations"][0]["passage"] == "leaflet/p1"
    ]
    return seed


def test_a_dropped_passage_goes_once_no_claim_cites_it(sessions: Sessions) -> None:
    seed = small_seed()
    seed["claims"] = [claim_in(seed, "gland")]
    load(sessions, seed)
    changed = without_second_passage(small_seed())
    changed["claims"] = [claim("cause.origin", "gland", cite("It comes from a gene"))]

    report = load(sessions, changed)

    with sessions.read() as session:
        assert session.scalars(select(Passage.key)).all() == ["p1"]
    assert report.left == []


def test_a_dropped_passage_that_a_claim_still_cites_is_kept_and_reported(
    sessions: Sessions,
) -> None:
    load(sessions, small_seed())

    report = load(sessions, without_second_passage(small_seed()))

    assert report.left == ["passage leaflet/p2"]
    with sessions.read() as session:
        [document] = document_records(session, session.scalars(select(Document.id)).all()).values()
        [snapshot] = session.scalars(
            select(Revision.snapshot).where(
                Revision.record_type == "document",
                Revision.change == report.change,
            ),
        )
    assert [passage["key"] for passage in document["passages"]] == ["p1", "p2"]
    assert snapshot == document


def test_a_claim_whose_passage_people_did_away_with_is_left(sessions: Sessions) -> None:
    seed = without_second_passage(small_seed())
    load(sessions, seed)
    with sessions.write.begin() as session:
        document = session.scalars(select(Document)).one()
        document.version += 1
        session.flush()
        draft = ChangeDraft("person", "ana", "edit", "One passage is enough.")
        snapshot = document_records(session, [document.id])[document.id]
        draft.events.append(Event("document", document.id, 2, "updated", snapshot))
        finish_change(session, draft)

    report = load(sessions, small_seed())

    assert report.left == [
        "document leaflet",
        "claim milia/cause.origin/gland",
        "claim milia/prevalence.frequency/common",
    ]


def test_citations_that_did_not_change_keep_their_ids(sessions: Sessions) -> None:
    seed = small_seed()
    claim_in(seed, "gene")["citations"] = [cite("It comes from a gene"), cite("a gene")]
    load(sessions, seed)
    row = claim_row(sessions, claim_in(seed, "gene")["key"])
    by_quote = select(Citation.quote, Citation.id).where(Citation.claim_id == row.id)
    with sessions.read() as session:
        before = pairs(session, by_quote)
    claim_in(seed, "gene")["citations"] = [cite("comes from a gene"), cite("It comes from a gene")]

    load(sessions, seed)

    with sessions.read() as session:
        after = pairs(session, by_quote)
    assert after["It comes from a gene"] == before["It comes from a gene"]
    assert after["comes from a gene"] not in before.values()
    assert "a gene" not in after


def test_a_document_found_verified_later_makes_its_citations_verified(sessions: Sessions) -> None:
    load(sessions, small_seed())
    with sessions.read() as session:
        before = set(session.scalars(select(Citation.id)))
    seed = small_seed()
    seed["documents"][0] |= {"verified": True, "sha256": "0" * 64}

    load(sessions, seed)

    with sessions.read() as session:
        assert set(session.scalars(select(Citation.verification))) == {"verified"}
        assert set(session.scalars(select(Citation.id))) == before


# Conflicts


def test_loading_opens_the_conflicts_of_the_seed(sessions: Sessions) -> None:
    load(sessions, small_seed())

    assert open_conflicts(sessions).keys() == {"cause.origin", "prevalence.frequency"}


def test_a_changed_hierarchy_recomputes_conflicts(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = ["gland"]

    load(sessions, seed)

    assert open_conflicts(sessions).keys() == {"prevalence.frequency"}
    assert not claim_row(sessions, claim_in(seed, "gene")["key"]).conflict


def test_a_changed_vocabulary_recomputes_conflicts(sessions: Sessions) -> None:
    load(sessions, small_seed())
    vocabulary = changed_vocabulary(policy="open")

    report = load(sessions, small_seed(), vocabulary)

    assert report.updated == {}
    assert open_conflicts(sessions).keys() == {"prevalence.frequency"}
    assert faults(sessions, vocabulary) == []


def test_a_question_of_another_type_takes_its_claims_with_it(sessions: Sessions) -> None:
    load(sessions, small_seed())
    key = claim_in(small_seed(), "gene")["key"]
    edit_by_a_person(sessions, key, "As Ana has it.")
    vocabulary = changed_vocabulary(type="mechanism")

    load(sessions, small_seed(), vocabulary)

    row = claim_row(sessions, key)
    *_, edited, retyped = revisions(sessions, "claim", row.id)
    assert (row.type, row.version) == ("mechanism", 3)
    assert edited.snapshot["type"] == "cause"
    assert retyped.snapshot["type"] == "mechanism"


def test_a_new_type_does_not_make_a_persons_claim_the_seeds(sessions: Sessions) -> None:
    load(sessions, small_seed())
    key = claim_in(small_seed(), "gene")["key"]
    edit_by_a_person(sessions, key, "As Ana has it.")
    vocabulary = changed_vocabulary(type="mechanism")
    load(sessions, small_seed(), vocabulary)
    seed = small_seed()
    claim_in(seed, "gene")["statement"] = "As the seed would have it."

    report = load(sessions, seed, vocabulary)

    assert report.left == [f"claim {key}"]


def test_a_vocabulary_without_a_question_that_claims_answer_is_refused(sessions: Sessions) -> None:
    load(sessions, small_seed())
    body = load_vocabulary().model_dump(mode="json")
    body["questions"] = [row for row in body["questions"] if row["key"] != "symptom.reported"]
    vocabulary = Vocabulary.model_validate(body)
    seed = small_seed()
    seed["claims"] = [one for one in seed["claims"] if not one["key"].endswith("/pain")]

    with pytest.raises(SeedError, match=r"no question symptom\.reported"):
        load(sessions, seed, vocabulary)


def test_a_conflict_closes_and_opens_again_under_the_same_id(sessions: Sessions) -> None:
    load(sessions, small_seed())
    opened = open_conflicts(sessions)["cause.origin"]
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = ["gland"]
    load(sessions, seed)
    assert "cause.origin" not in open_conflicts(sessions)

    load(sessions, small_seed())

    reopened = open_conflicts(sessions)["cause.origin"]
    said = revisions(sessions, "conflict", opened.id)
    assert reopened.id == opened.id
    assert [row.action for row in said] == [
        "conflict.opened",
        "conflict.closed",
        "conflict.opened",
    ]
    assert [row.snapshot["status"] for row in said] == ["open", "closed", "open"]
    assert faults(sessions) == []


def test_a_closed_conflict_leaves_no_flag_on_its_claims(sessions: Sessions) -> None:
    load(sessions, small_seed())
    seed = small_seed()
    concept_in(seed, "gene")["broader"] = ["gland"]
    load(sessions, seed)

    with TestClient(make_app(sessions)) as client:
        claims = client.get("/claims", params={"type": "cause"}).json()["data"]

    assert [(one["conflict"], one["severity"], one["conflicts"]) for one in claims] == [
        (False, "none", []),
        (False, "none", []),
    ]


# All or nothing, and at once


def test_a_failure_half_way_leaves_nothing(fresh_engine: Engine) -> None:
    sessions = make_sessions(fresh_engine)

    def fail(*arguments: Any) -> None:
        if str(arguments[2]).startswith("INSERT INTO conflict_claims"):
            raise OSError("the plug was pulled")

    event.listen(fresh_engine, "before_cursor_execute", fail)
    with pytest.raises(OSError, match="the plug was pulled"):
        load(sessions, small_seed())

    with sessions.read() as session:
        for model in (*RECORDS.values(), Citation, Change, Revision, SeedLoad):
            assert session.scalar(select(func.count()).select_from(model)) == 0


def test_a_change_number_is_not_lost_with_a_load_that_failed(sessions: Sessions) -> None:
    first = load(sessions, small_seed())
    seed = small_seed()
    claim_in(seed, "gene")["question"] = "no.such"
    with pytest.raises(SeedError):
        load(sessions, seed)
    claim_in(seed, "gene").update(question="cause.origin", statement="Another wording.")

    second = load(sessions, seed)

    assert second.change == (first.change or 0) + 1


def test_two_loaders_at_once_leave_one_change(tmp_path: Path) -> None:
    seed_file = tmp_path / "seed.json"
    seed_file.write_text(json.dumps(small_seed()))
    url = f"sqlite:///{tmp_path / 'new.db'}" if SERVER is None else new_database("two", tmp_path)
    environment = os.environ | {
        "CLAIMBASE_DATABASE_URL": url,
        "CLAIMBASE_SEED_FILE": str(seed_file),
    }

    loaders = [
        subprocess.Popen(
            [sys.executable, "-m", "app", "seed"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [loader.communicate(timeout=60)[0] for loader in loaders]

    assert [loader.returncode for loader in loaders] == [0, 0, 0], said
    assert sorted("change 1" in one for one in said) == [False, False, True]
    engine = make_engine(url)
    migrate(engine)
    with make_sessions(engine).read() as session:
        assert session.scalars(select(Change.number)).all() == [1]
        assert session.scalar(select(func.count()).select_from(SeedLoad)) == 1
    engine.dispose()
