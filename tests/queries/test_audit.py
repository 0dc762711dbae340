"""Whatever is altered, removed, put in or swapped behind the commands' back is named."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.models import (
    Change,
    Citation,
    Claim,
    Concept,
    ConceptBroader,
    ConceptSynonym,
    Condition,
    ConditionAlias,
    Conflict,
    ConflictClaim,
    Document,
    DocumentText,
    Passage,
    Revision,
    StoredVocabulary,
)
from app.models.base import utc_now
from app.queries.audit import (
    audit_chain,
    audit_computed,
    audit_records,
    audit_texts,
    audit_versions,
)
from app.queries.check import check_base
from app.vocabulary import ClaimStatus, load_vocabulary
from tests.factories import make_claim, set_status


def faults(session: Session) -> list[str]:
    session.flush()
    session.expire_all()
    return [
        *audit_chain(session).faults,
        *audit_versions(session),
        *audit_records(session),
        *audit_texts(session),
    ]


@pytest.fixture
def base(milia_session: Session) -> Session:
    """The seeded base with two more changes."""
    claim = make_claim(milia_session)
    set_status(milia_session, claim, ClaimStatus.retracted)
    return milia_session


def test_a_sound_base_with_several_changes_has_no_fault(base: Session) -> None:
    missing = [fault for fault in faults(base) if "made" not in fault]

    # The factory makes its concept without a revision.
    assert missing == [
        f"the concept {base.scalar(select(func.max(Concept.id)))} has no revision of its version"
    ]


def alter(model: Any, **values: Any) -> Callable[[Session], None]:
    """One row of the table, the first one."""

    def tamper(session: Session) -> None:
        first = session.scalar(select(func.min(model.__table__.primary_key.columns[0])))
        session.execute(
            update(model)
            .where(model.__table__.primary_key.columns[0] == first)
            .values(**values)
            .execution_options(synchronize_session=False),
        )

    tamper.__name__ = f"{model.__tablename__} {next(iter(values))}"
    return tamper


def a_change_is_removed(session: Session) -> None:
    without_foreign_keys(session)
    last = session.scalar(select(func.max(Change.number))) or 0
    session.execute(delete(Revision).where(Revision.change == last - 1))
    session.execute(
        update(Revision).where(Revision.until_change == last - 1).values(until_change=last)
    )
    session.execute(delete(Change).where(Change.number == last - 1))


def without_foreign_keys(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA defer_foreign_keys = ON"))


def the_last_revision_is_removed(session: Session) -> None:
    last = session.scalar(select(func.max(Revision.id)))
    session.execute(delete(Revision).where(Revision.id == last))


def a_revision_is_put_in(session: Session) -> None:
    row = session.execute(
        select(*Revision.__table__.columns).order_by(Revision.id.desc()).limit(1),
    ).mappings()
    again = dict(row.one())
    again |= {name: again[name] + 1 for name in ("id", "event", "version")}
    session.execute(insert(Revision), again)


def a_change_is_put_in(session: Session) -> None:
    last = session.scalar(select(func.max(Change.number))) or 0
    session.execute(
        insert(Change).values(
            number=last + 1,
            at=utc_now(),
            origin="person",
            actor="x",
            action="x",
            reason="x",
            digest="0" * 64,
        ),
    )


def two_snapshots_are_swapped(session: Session) -> None:
    first, second = session.execute(
        select(Revision.id, Revision.snapshot)
        .where(Revision.record_type == "claim")
        .order_by(Revision.id)
        .limit(2),
    ).all()
    for id_, snapshot in ((first.id, second.snapshot), (second.id, first.snapshot)):
        session.execute(update(Revision).where(Revision.id == id_).values(snapshot=snapshot))


def two_events_are_swapped(session: Session) -> None:
    (first, one), (second, other) = session.execute(
        select(Revision.id, Revision.event).order_by(Revision.id).limit(2),
    ).all()
    for id_, event in ((first, 9_999_999), (second, one), (first, other)):
        session.execute(update(Revision).where(Revision.id == id_).values(event=event))


def two_changes_are_swapped(session: Session) -> None:
    one, other = session.execute(
        select(Change.number, Change.reason, Change.action).order_by(Change.number.desc()).limit(2),
    ).all()
    for number, row in ((one.number, other), (other.number, one)):
        session.execute(
            update(Change)
            .where(Change.number == number)
            .values(reason=row.reason + "!", action=row.action),
        )


CHAIN = "was altered, or it does not follow"


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (alter(Change, actor="somebody"), CHAIN),
        (alter(Change, reason="another"), CHAIN),
        (alter(Change, key_id="abcdefghij"), CHAIN),
        (alter(Change, at=utc_now()), CHAIN),
        (alter(Change, digest="f" * 64), CHAIN),
        (alter(Revision, action="nothing"), CHAIN),
        (alter(Revision, snapshot={"version": 1}), CHAIN),
        (alter(Revision, until_change=1), "does not end where the next one begins"),
        (a_change_is_removed, "have a gap"),
        (the_last_revision_is_removed, CHAIN),
        (a_revision_is_put_in, CHAIN),
        (a_change_is_put_in, CHAIN),
        (two_snapshots_are_swapped, CHAIN),
        (two_events_are_swapped, CHAIN),
        (two_changes_are_swapped, CHAIN),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_tampering_with_the_record_of_changes_is_found(
    base: Session,
    tamper: Callable[[Session], None],
    sentence: str,
) -> None:
    before = faults(base)
    tamper(base)

    found = [fault for fault in faults(base) if fault not in before]

    assert any(sentence in fault for fault in found), found


def remove_an_alias(session: Session) -> None:
    first = session.scalar(select(func.min(ConditionAlias.slug)))
    session.execute(delete(ConditionAlias).where(ConditionAlias.slug == first))


def remove_a_citation(session: Session) -> None:
    first = session.scalar(select(func.min(Citation.id)))
    session.execute(delete(Citation).where(Citation.id == first))


def remove_a_claim(session: Session) -> None:
    first = session.scalar(
        select(Claim.id).where(Claim.id.not_in(select(ConflictClaim.claim_id))).limit(1),
    )
    session.execute(delete(Claim).where(Claim.id == first))


def remove_a_synonym(session: Session) -> None:
    first = session.scalar(select(func.min(ConceptSynonym.term)))
    session.execute(delete(ConceptSynonym).where(ConceptSynonym.term == first))


def remove_a_broader_concept(session: Session) -> None:
    first = session.scalar(select(func.min(ConceptBroader.concept_id)))
    session.execute(delete(ConceptBroader).where(ConceptBroader.concept_id == first))


def put_a_citation_in(session: Session) -> None:
    row = session.execute(select(*Citation.__table__.columns).limit(1)).mappings().one()
    last = session.scalar(select(func.max(Citation.id))) or 0
    session.execute(insert(Citation), dict(row) | {"id": last + 1, "position": 99})


def swap_two_statements(session: Session) -> None:
    one, other = session.execute(
        select(Claim.id, Claim.statement).order_by(Claim.id).limit(2),
    ).all()
    for id_, statement in ((one.id, other.statement), (other.id, one.statement)):
        session.execute(update(Claim).where(Claim.id == id_).values(statement=statement))


def put_a_concept_in(session: Session) -> None:
    now = utc_now()
    row = {"key": "smuggled", "label": "smuggled", "kind": "other", "version": 1}
    session.execute(insert(Concept), row | {"created_at": now, "updated_at": now})


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (alter(Claim, statement="Something else."), "is not what its last revision says"),
        (alter(Claim, status="draft"), "is not what its last revision says"),
        (alter(Claim, version=9), "has no revision of its version"),
        (alter(Citation, quote="another"), "is not what its last revision says"),
        (alter(Citation, frequency="rarely"), "is not what its last revision says"),
        (alter(Concept, label="another"), "is not what its last revision says"),
        (alter(Condition, name="another"), "is not what its last revision says"),
        (alter(Document, title="another"), "is not what its last revision says"),
        (alter(Passage, heading="another"), "is not what its last revision says"),
        (alter(Conflict, explanation="another"), "is not what its last revision says"),
        (alter(StoredVocabulary, number=99), "is not what its last revision says"),
        (remove_an_alias, "is not what its last revision says"),
        (remove_a_citation, "is not what its last revision says"),
        (remove_a_claim, "is gone"),
        (remove_a_synonym, "is not what its last revision says"),
        (remove_a_broader_concept, "is not what its last revision says"),
        (put_a_citation_in, "is not what its last revision says"),
        (put_a_concept_in, "has no revision of its version"),
        (swap_two_statements, "is not what its last revision says"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_tampering_with_current_rows_is_found(
    milia_session: Session,
    tamper: Callable[[Session], None],
    sentence: str,
) -> None:
    tamper(milia_session)

    found = faults(milia_session)

    assert found
    assert all(sentence in fault for fault in found), found


@pytest.mark.parametrize("column", ["identity", "passage_count", "document_count"])
def test_what_is_computed_of_a_claim_is_computed_again(
    milia_session: Session,
    column: str,
) -> None:
    first = milia_session.scalar(select(func.min(Claim.id)))
    alter(Claim, **{column: "77" if column == "identity" else 77})(milia_session)

    assert list(audit_computed(milia_session)) == [
        f"what is computed of the claim {first} is not what it says",
    ]


def test_a_renamed_concept_does_not_make_old_claims_faulty(milia_session: Session) -> None:
    """A claim names what it refers to as it was called when the claim was last changed."""
    used = milia_session.scalar(select(func.min(Claim.concept_id)))
    milia_session.execute(update(Concept).where(Concept.id == used).values(label="renamed"))

    assert faults(milia_session) == [f"the concept {used} is not what its last revision says"]


def test_an_altered_text_is_found(milia_session: Session) -> None:
    milia_session.execute(insert(DocumentText).values(sha256="0" * 64, text="altered"))

    assert faults(milia_session) == [f"the text {'0' * 64} was altered"]


def test_a_text_that_is_said_to_be_held_and_is_not_is_found(milia_session: Session) -> None:
    first = milia_session.scalar(select(func.min(Document.id)))
    milia_session.execute(update(Document).where(Document.id == first).values(text_held=True))

    assert any(fault.startswith("the text of the document") for fault in faults(milia_session))


def test_check_says_the_digest_that_the_chain_ends_with(milia_session: Session) -> None:
    said: list[str] = []
    check_base(milia_session, load_vocabulary(), said.append)
    last = milia_session.scalar(select(Change.digest).order_by(Change.number.desc()).limit(1))

    assert any(line.endswith(str(last)) for line in said)
