"""What an edit keeps of a claim, made of what was read before it, is what its rows say after it."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.claim_edits import Edit, edit_claim
from app.commands.claim_reviews import RETRACT, move_claim
from app.commands.open_claims import open_claim
from app.errors import ConflictingStateError
from app.json_parts import as_text
from app.models import Citation, Claim, Concept, Condition, Revision, WrittenClaim
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.records import Record, claim_records
from app.vocabulary import ClaimStatus, load_vocabulary

VOCABULARY = load_vocabulary()
CURATOR = Actor("a tester", Role.admin, None)
UNUSED = "a-new-concept"
LATER = {"start": None, "end": None, "quote": None, "locator": "Table 9"}
PATCHES: list[dict[str, Any]] = [
    {"statement": "  Something else is said. "},
    {"scope": {"age_low": 1, "age_high": 80.5}},
    {"scope": {"population": UNUSED, "severity": UNUSED}},
    {"subject": UNUSED},
    {"concept": UNUSED, "polarity": "denies"},
    {"scope": None, "subject": None},
]


@pytest.fixture
def claim(milia_session: Session) -> Record:
    """A published claim with a concept and several citations; there is a concept more."""
    cited = select(Citation.claim_id).group_by(Citation.claim_id).having(func.count() > 1)
    first = select(Claim.id).where(
        Claim.status == ClaimStatus.published, Claim.concept_id.is_not(None), Claim.id.in_(cited)
    )
    id_ = milia_session.scalars(first.order_by(Claim.id).limit(1)).one()
    now = milia_session.scalars(select(Condition.created_at).limit(1)).one()
    new = Concept(key=UNUSED, label="A new concept", kind="procedure", version=1)
    new.created_at = new.updated_at = now
    milia_session.add(new)
    milia_session.flush()
    return claim_records(milia_session, [id_])[id_] | {"number": id_}


def edited(session: Session, claim: Record, patch: dict[str, Any]) -> None:
    draft = ChangeDraft("person", "a tester", "edit_claim", "A test needs it.")
    edit_claim(session, draft, Edit(claim["number"], claim["version"], CURATOR, VOCABULARY), patch)
    finish_change(session, draft)


def kept(session: Session, claim: Record) -> tuple[str | None, Record]:
    """The record as it is written out, and in its last revision."""
    id_ = claim["number"]
    of_claim = Revision.record_type == "claim", Revision.record_id == id_
    last = select(Revision.snapshot).where(*of_claim).order_by(Revision.version.desc()).limit(1)
    body = select(WrittenClaim.body).where(WrittenClaim.claim_id == id_)
    return session.scalars(body).one(), session.scalars(last).one()


@pytest.mark.parametrize("patch", PATCHES)
def test_the_record_that_an_edit_keeps_is_what_the_rows_say(
    milia_session: Session, claim: Record, patch: dict[str, Any]
) -> None:
    edited(milia_session, claim, patch)

    said = claim_records(milia_session, [claim["number"]])[claim["number"]]
    assert kept(milia_session, claim) == (as_text(said), said)
    assert said["version"] == claim["version"] + 1


def test_citations_that_stay_keep_their_ids_in_another_order(
    milia_session: Session, claim: Record
) -> None:
    names = ("start", "end", "quote", "locator", "certainty", "frequency", "exclusivity")
    first, *others = [
        {"passage": f"{cited['document']['key']}/{cited['passage']['key']}"}
        | {name: cited[name] for name in (*names, "hedge", "subject_words")}
        for cited in claim["citations"]
    ]

    edited(milia_session, claim, {"citations": [*others, first | LATER, first]})

    said = claim_records(milia_session, [claim["number"]])[claim["number"]]
    former = [cited["id"] for cited in claim["citations"]]
    ids = [cited["id"] for cited in said["citations"]]
    assert [id_ for id_ in ids if id_ in former] == [*former[1:], former[0]]
    assert len(ids) == len(former) + 1
    assert kept(milia_session, claim) == (as_text(said), said)


def test_what_says_the_same_as_another_claim_is_refused_and_the_session_goes_on(
    milia_session: Session, claim: Record
) -> None:
    opened = open_claim(milia_session, claim["number"])
    other = milia_session.scalars(
        select(Claim).where(
            Claim.status == ClaimStatus.published,
            Claim.question == opened.row.question,
            Claim.id != claim["number"],
            Claim.concept_id.is_not(None),
            Claim.subject_id.is_(None),
        )
    ).first()
    assert other is not None
    same = open_claim(milia_session, other.id).record
    patch = {"concept": same["concept"]["key"], "subject": None, "polarity": same["polarity"]}

    with pytest.raises(ConflictingStateError):
        edited(milia_session, claim, patch | {"scope": None})

    assert open_claim(milia_session, claim["number"]).record == opened.record


def test_the_record_that_a_step_keeps_is_what_the_rows_say(
    milia_session: Session, claim: Record
) -> None:
    draft = ChangeDraft("person", "a tester", "claim_retracted", "A test needs it.")
    edit = Edit(claim["number"], claim["version"], CURATOR, VOCABULARY)
    move_claim(milia_session, draft, edit, RETRACT)
    finish_change(milia_session, draft)

    said = claim_records(milia_session, [claim["number"]])[claim["number"]]
    assert kept(milia_session, claim) == (as_text(said), said)
    assert said["status"] == ClaimStatus.retracted
