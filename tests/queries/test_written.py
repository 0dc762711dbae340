"""Claims that are written out say what their rows say, whoever changes these, and how."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import String, cast, delete, func, insert, literal, select, text, update
from sqlalchemy.orm import Session

from app.commands import changes
from app.commands.changes import ChangeDraft, finish_change, note_event
from app.commands.open_claims import open_claim
from app.commands.written import forgotten_claims
from app.db import Sessions, make_engine, make_sessions
from app.models import Citation, Claim, Concept, Condition, Document, Passage, WrittenClaim
from app.policy import Role
from app.queries.records import claim_records
from app.queries.written import written_faults
from app.startup import prepare
from app.vocabulary import Polarity, ScopePart, Verification
from tests.accounts import signed_in
from tests.api.curation import REASON, body_of, patched, published, tag
from tests.conftest import SEED_FILE
from tests.databases import SERVER, alembic, new_database, seeded_database, unwritten

PLACES = (
    "/conditions/milia",
    "/claims?type=cause&conflict=true",
    "/claims?limit=100&sort=-updated_at",
    "/claims?q=milia&limit=20",
    "/claims?condition=milia&exclude_passage=milia-syndrome/p1&limit=20",
    "/claims?fields=statement&fields=citations&limit=20",
)


def claims_named_by(session: Session, column: Any) -> tuple[int, int]:
    """A value of this column, and how many claims have it."""
    found = session.execute(
        select(column, func.count()).where(column.is_not(None)).group_by(column).limit(1),
    ).one()
    return found[0], found[1]


def forgotten(session: Session) -> int:
    return len(forgotten_claims(session, at_most=10_000))


def test_every_claim_of_the_seed_is_written_out(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        assert unwritten(session) == 0
        assert list(written_faults(session)) == []
        assert forgotten(session) == 0


@pytest.mark.parametrize("address", PLACES)
def test_an_answer_is_the_same_whether_claims_are_written_out_or_not(
    milia: TestClient, milia_sessions: Sessions, address: str
) -> None:
    before = milia.get(address)
    assert before.status_code == 200, before.text
    with milia_sessions.write.begin() as session:
        some = select(WrittenClaim.claim_id).order_by(WrittenClaim.claim_id).limit(200)
        session.execute(delete(WrittenClaim).where(WrittenClaim.claim_id.in_(some)))
        session.execute(
            update(WrittenClaim).where(WrittenClaim.claim_id % 3 == 0).values(body=None)
        )

    after = milia.get(address)

    assert after.content == before.content
    assert after.headers["ETag"] == before.headers["ETag"]


def test_a_claim_is_the_same_whether_it_is_written_out_or_not(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    flagged = milia.get("/claims?conflict=true&limit=1").json()["data"][0]["id"]
    before = milia.get(f"/claims/{flagged}")
    with milia_sessions.write.begin() as session:
        session.execute(delete(WrittenClaim))

    assert milia.get(f"/claims/{flagged}").content == before.content


# The revision before the one that writes claims out.
BEFORE_IT = "8d2f60b7c915"
# What is computed, and what is only compared.
NOT_IN_RECORD = {"identity", "conflict", "severity", "passage_count", "document_count"}
# What each part of a record is taken from: the statement of another program that changes it.
CHANGED = {
    "claim": update(Claim).values(statement="Something else is said."),
    "value": update(Claim).values(polarity=Polarity.denies),
    "citation": update(Citation).values(hedge="it may be"),
    "verification": update(Citation).values(verification=Verification.orphaned),
    "concept": update(Concept).values(label=Concept.label + " (renamed)"),
    "condition": update(Condition).values(name="Another name"),
    "document": update(Document).values(key="another-key"),
    "passage": update(Passage).values(heading="Another heading"),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_change_by_another_program_is_answered_at_once(
    milia: TestClient, milia_sessions: Sessions, kind: str
) -> None:
    before = milia.get("/conditions/milia").json()["claims"]
    with milia_sessions.write.begin() as session:
        session.execute(CHANGED[kind])

    after = milia.get("/conditions/milia").json()["claims"]

    with milia_sessions.read() as session:
        assert list(written_faults(session)) == []
        assert forgotten(session) > 0
    with milia_sessions.write.begin() as session:
        session.execute(delete(WrittenClaim))
    assert milia.get("/conditions/milia").json()["claims"] == after != before


# Table, and the column that a program gives another value by replacing whole rows.
REPLACED = {
    Claim: Claim.statement,
    Citation: Citation.hedge,
    Concept: Concept.label,
    Condition: Condition.name,
    Document: Document.key,
    Passage: Passage.heading,
}


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL has no REPLACE")
@pytest.mark.parametrize("model", REPLACED, ids=lambda model: model.__tablename__)
def test_rows_that_another_program_replaces_are_answered_at_once(
    tmp_path: Path, model: Any
) -> None:
    engine = make_engine(seeded_database("replaced", tmp_path))
    table, changed = model.__table__, REPLACED[model].key
    new = [
        literal(f"changed {column.name}") + cast(table.c.id, String)
        if column.name == changed
        else column
        for column in table.c
    ]
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        # As many programs have it, and not inside of a transaction.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(
            insert(table).prefix_with("OR REPLACE").from_select(list(table.c), select(*new)),
        )
        connection.commit()

    with make_sessions(engine).read() as session:
        assert list(written_faults(session)) == []
        written = session.scalar(select(func.count()).where(WrittenClaim.body.is_not(None)))
        claims = session.scalar(select(func.count()).select_from(Claim))
        assert written is not None
        assert claims is not None
        assert written < claims
    engine.dispose()


@pytest.mark.skipif(SERVER is not None, reason="PostgreSQL has no REPLACE")
def test_a_citation_that_is_replaced_by_one_of_another_claim_is_gone_at_once(
    milia_sessions: Sessions,
) -> None:
    table: Any = Citation.__table__
    with milia_sessions.write() as session:
        row = session.execute(select(table).order_by(table.c.id).limit(1)).mappings().one()
        other = session.scalar(select(Claim.id).where(Claim.id != row["claim_id"]).limit(1))
        moved = {**row, "claim_id": other, "position": 90}
        session.execute(insert(table).prefix_with("OR REPLACE"), [moved])

        assert forgotten(session) == len({row["claim_id"], other})
        assert list(written_faults(session)) == []
        session.rollback()


def test_citations_that_come_go_and_move_are_answered_at_once(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        moved, other = session.scalars(select(Claim.id).order_by(Claim.id).limit(2))
        first = select(Citation.id).where(Citation.claim_id == moved).limit(1).scalar_subquery()
        # Behind those of the other claim.
        values = {"claim_id": other, "position": 90}
        session.execute(update(Citation).where(Citation.id == first).values(**values))
        assert forgotten(session) == len({moved, other})
        passage = session.scalar(select(Passage.id).limit(1))
        third = session.scalars(select(Claim.id).where(Claim.id > other).limit(1)).one()
        said = {"certainty": "asserted", "frequency": "unspecified", "exclusivity": "sole"}
        row = {"claim_id": third, "passage_id": passage, "position": 91, "locator": "there", **said}
        session.execute(insert(Citation), [row | {"verification": Verification.unverified}])
        assert list(written_faults(session)) == []
        fourth = session.scalars(select(Claim.id).where(Claim.id > third).limit(1)).one()
        session.execute(delete(Citation).where(Citation.claim_id == fourth))

        assert forgotten(session) == len({moved, other, third, fourth})
        assert list(written_faults(session)) == []
        session.rollback()


@pytest.mark.parametrize("column", ["concept_id", "subject_id", *(f"{p}_id" for p in ScopePart)])
def test_a_new_label_reaches_the_claims_that_refer_to_the_concept(
    milia_sessions: Sessions, column: str
) -> None:
    with milia_sessions.write() as session:
        of_claims = getattr(Claim, column)
        concept = session.scalars(select(of_claims).where(of_claims.is_not(None)).limit(1)).first()
        if concept is None:
            concept = session.scalars(select(Concept.id).limit(1)).one()
            some = select(Claim.id).order_by(Claim.id).limit(1).scalar_subquery()
            session.execute(update(Claim).where(Claim.id == some).values({column: concept}))
            session.execute(
                update(WrittenClaim).where(WrittenClaim.body.is_(None)).values(body="{}"),
            )
        number = session.scalar(select(func.count()).where(of_claims == concept))
        session.execute(update(Concept).where(Concept.id == concept).values(label="renamed"))

        assert number
        assert number <= forgotten(session)
        session.rollback()


def test_every_column_that_a_record_has_forgets_it(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        id_ = session.scalars(select(Claim.id).order_by(Claim.id).limit(1)).one()
        columns = Claim.__table__.columns
        for column in columns:
            session.execute(
                update(WrittenClaim).where(WrittenClaim.claim_id == id_).values(body="{}"),
            )
            session.execute(
                update(Claim).where(Claim.id == id_).values({column.name: column}),
                execution_options={"synchronize_session": False},
            )
            is_forgotten = (
                session.scalars(
                    select(WrittenClaim.body).where(WrittenClaim.claim_id == id_),
                ).one()
                is None
            )
            assert is_forgotten is (column.name not in NOT_IN_RECORD), column.name
        session.rollback()


def test_an_older_base_is_written_out_before_the_service_starts(tmp_path: Path) -> None:
    url = new_database("written", tmp_path)
    prepare(url, SEED_FILE)
    engine = make_engine(url)
    alembic(engine, "downgrade", BEFORE_IT)

    prepare(url, SEED_FILE)

    with make_sessions(engine).read() as session:
        assert unwritten(session) == 0
        assert list(written_faults(session)) == []
    engine.dispose()


def test_a_claim_that_is_deleted_leaves_nothing_written(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        if session.get_bind().dialect.name == "sqlite":
            session.execute(text("PRAGMA defer_foreign_keys = ON"))
        id_ = session.scalars(select(Claim.id).order_by(Claim.id.desc()).limit(1)).one()
        session.execute(delete(Claim).where(Claim.id == id_))

        assert session.get(WrittenClaim, id_) is None
        session.rollback()


def test_a_change_writes_its_claims_and_what_was_forgotten(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    curator = signed_in(milia, milia_sessions, Role.curator)
    with milia_sessions.write.begin() as session:
        session.execute(update(Concept).values(label=Concept.label + "!"))

    claim = published(curator, body_of("mild soap"))
    patched(curator, claim, statement="People can look after milia with any soap.")

    with milia_sessions.read() as session:
        assert forgotten(session) == 0
        assert unwritten(session) == 0
        assert list(written_faults(session)) == []


def test_what_a_change_alters_behind_a_snapshot_is_written_anew_at_its_end(
    milia_sessions: Sessions,
) -> None:
    with milia_sessions.write() as session:
        row = session.scalars(select(Claim).order_by(Claim.id).limit(1)).one()
        row.version += 1
        draft = ChangeDraft("person", "a tester", "claim.changed", "For a test.")
        note_event(session, draft, "claim", row, "updated")
        assert forgotten(session) == 0
        row.statement = "Something else is said."
        session.flush()
        assert forgotten(session) == 1

        finish_change(session, draft)

        assert forgotten(session) == 0
        assert list(written_faults(session)) == []
        session.rollback()


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_the_record_of_an_edit_is_what_the_rows_say(
    milia_sessions: Sessions, *, is_forgotten: bool
) -> None:
    with milia_sessions.write() as session:
        ids = session.scalars(select(Claim.id)).all()
        if is_forgotten:
            session.execute(update(WrittenClaim).values(body=None))

        found = {id_: open_claim(session, id_).record for id_ in ids}

        assert found == claim_records(session, ids)
        session.rollback()


def test_what_is_too_much_for_one_change_is_written_by_the_next(
    milia: TestClient, milia_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "WRITTEN_ANEW", 2)
    curator = signed_in(milia, milia_sessions, Role.curator)
    with milia_sessions.write.begin() as session:
        session.execute(update(Claim).where(Claim.id < 10).values(merged=False))
        before = forgotten(session)

    claim = published(curator, body_of("a towel"))
    with milia_sessions.read() as session:
        between = forgotten(session)
        assert list(written_faults(session)) == []
    patched(curator, claim, statement="People can look after milia with any towel.")

    with milia_sessions.read() as session:
        assert before > between > forgotten(session)


def test_a_curator_who_renames_a_concept_is_answered_the_new_name(
    milia: TestClient, milia_sessions: Sessions
) -> None:
    curator = signed_in(milia, milia_sessions, Role.curator)
    with milia_sessions.read() as session:
        id_, number = claims_named_by(session, Claim.concept_id)
        key = session.scalars(select(Concept.key).where(Concept.id == id_)).one()
    concept = curator.get(f"/concepts/{key}").json()

    changed = {"label": "called otherwise", "reason": REASON}
    answer = curator.patch(f"/concepts/{key}", json=changed, headers=tag(concept))

    assert answer.status_code == 200, answer.text
    found = milia.get(f"/claims?concept={key}&concept_narrower=false&limit=100").json()["data"]
    assert len(found) == number
    assert {claim["concept"]["label"] for claim in found} == {"called otherwise"}
    with milia_sessions.read() as session:
        assert forgotten(session) == 0


def test_what_is_written_and_wrong_is_found(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        id_ = session.scalars(select(WrittenClaim.claim_id).limit(1)).one()
        wrong = WrittenClaim.body + " "
        session.execute(
            update(WrittenClaim).where(WrittenClaim.claim_id == id_).values(body=wrong),
        )
        [fault] = written_faults(session)
        session.rollback()

    assert str(id_) in fault
