"""``check`` finds what was tampered with, and nothing in a sound base."""

import hashlib
from collections.abc import Callable

import pytest
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from app.db import Sessions
from app.models import (
    Change,
    Citation,
    Claim,
    ClaimCount,
    Concept,
    Condition,
    Conflict,
    ConflictClaim,
    Revision,
    StoredVocabulary,
    WrittenClaim,
)
from app.models.base import utc_now
from app.queries.check import check_base
from app.queries.document_check import check_document, locate_quote, sentences
from app.vocabulary import Severity, load_vocabulary
from tests.commands.seeds import FIRST, SECOND, TEXT, Seed, load, small_seed


def faults(session: Session) -> list[str]:
    session.flush()
    session.expire_all()
    return check_base(session, load_vocabulary(), lambda _: None)


def test_a_sound_base_has_no_fault(milia_session: Session) -> None:
    assert faults(milia_session) == []


def test_what_was_looked_at_is_said(milia_session: Session) -> None:
    said: list[str] = []

    check_base(milia_session, load_vocabulary(), said.append)

    assert [line.split(" ", 1)[1].split(",")[0] for line in said] == [
        "conflicts equal a fresh computation",
        "changes",
        "claims",
    ]


def any_conflict(session: Session) -> int:
    return session.scalars(select(Conflict.id).order_by(Conflict.id)).first() or 0


def flag_of_an_undisputed_claim(session: Session) -> None:
    undisputed = select(Claim.id).where(~Claim.conflict).limit(1).scalar_subquery()
    session.execute(update(Claim).where(Claim.id == undisputed).values(conflict=True))


def severity_of_a_disputed_claim(session: Session) -> None:
    disputed = select(Claim.id).where(Claim.conflict).limit(1).scalar_subquery()
    session.execute(update(Claim).where(Claim.id == disputed).values(severity=Severity.tension))


def a_severity_that_is_too_low(session: Session) -> None:
    strong = select(Claim.id).where(Claim.severity == Severity.contradiction).limit(1)
    of_one = Claim.id == strong.scalar_subquery()
    session.execute(update(Claim).where(of_one).values(severity=Severity.disagreement))


def explanation_of_a_conflict(session: Session) -> None:
    of_one = Conflict.id == any_conflict(session)
    session.execute(update(Conflict).where(of_one).values(explanation="They agree."))


def a_conflict_is_gone(session: Session) -> None:
    id_ = any_conflict(session)
    session.execute(delete(ConflictClaim).where(ConflictClaim.conflict_id == id_))
    session.execute(delete(Conflict).where(Conflict.id == id_))


def a_conflict_is_closed(session: Session) -> None:
    of_one = Conflict.id == any_conflict(session)
    session.execute(update(Conflict).where(of_one).values(status="closed"))


def a_side_of_a_conflict_is_gone(session: Session) -> None:
    of_one: ColumnElement[bool] = ConflictClaim.conflict_id == any_conflict(session)
    session.execute(delete(ConflictClaim).where(of_one, ConflictClaim.side == 0))


def a_version_of(model: type[Claim | Concept | Condition | Conflict]) -> Callable[[Session], None]:
    def tamper(session: Session) -> None:
        one = select(model.id).limit(1).scalar_subquery()
        session.execute(update(model).where(model.id == one).values(version=7))

    tamper.__name__ = f"a_version_of_a_{model.__name__.lower()}"
    return tamper


def the_version_of_the_vocabulary(session: Session) -> None:
    session.execute(update(StoredVocabulary).values(version=7))


def a_revision_is_gone(session: Session) -> None:
    one = select(Revision.id).where(Revision.record_type == "claim").limit(1).scalar_subquery()
    session.execute(delete(Revision).where(Revision.id == one))


def a_gap_in_the_changes(session: Session) -> None:
    session.execute(
        insert(Change).values(
            number=99, at=utc_now(), origin="person", actor="x", action="x", reason="x"
        ),
    )


def a_citation_outside_of_its_passage(session: Session) -> None:
    one = select(Citation.id).where(Citation.start.is_not(None)).limit(1).scalar_subquery()
    session.execute(
        update(Citation)
        .where(Citation.id == one)
        .values(start=Citation.start + 100_000, end=Citation.end + 100_000),
    )


def a_citation_shorter_than_its_quote(session: Session) -> None:
    one = select(Citation.id).where(Citation.start.is_not(None)).limit(1).scalar_subquery()
    # By a space: with other words the search index would be at fault too.
    longer = Citation.quote + " "
    session.execute(update(Citation).where(Citation.id == one).values(quote=longer))


def a_counter_that_is_too_high(session: Session) -> None:
    one = select(ClaimCount.id).where(ClaimCount.number > 0).limit(1).scalar_subquery()
    higher = ClaimCount.number + 1
    session.execute(update(ClaimCount).where(ClaimCount.id == one).values(number=higher))


def a_record_written_by_hand(session: Session) -> None:
    one = select(Claim.id).limit(1).scalar_subquery()
    session.execute(update(WrittenClaim).where(WrittenClaim.claim_id == one).values(body="{}"))


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (flag_of_an_undisputed_claim, "the flags of the claim"),
        (severity_of_a_disputed_claim, "the flags of the claim"),
        (a_severity_that_is_too_low, "the flags of the claim"),
        (explanation_of_a_conflict, "explanation of the conflict"),
        (a_conflict_is_gone, "is stored or computed, but not both"),
        (a_conflict_is_closed, "is stored or computed, but not both"),
        (a_side_of_a_conflict_is_gone, "the claims of the conflict"),
        (a_version_of(Claim), "has no revision of its version"),
        (a_version_of(Concept), "has no revision of its version"),
        (a_version_of(Condition), "has no revision of its version"),
        (a_version_of(Conflict), "has no revision of its version"),
        (the_version_of_the_vocabulary, "has no revision of its version"),
        (a_revision_is_gone, "has no revision of its version"),
        (a_gap_in_the_changes, "the numbers of the changes have a gap"),
        (a_citation_outside_of_its_passage, "lies outside of its passage"),
        (a_citation_shorter_than_its_quote, "lies outside of its passage"),
        (a_counter_that_is_too_high, "claims are noted of"),
        (a_record_written_by_hand, "what is written out of the claim"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_fault_is_found_and_nothing_else_is_named(
    milia_session: Session,
    tamper: Callable[[Session], None],
    sentence: str,
) -> None:
    tamper(milia_session)

    found = faults(milia_session)

    # Most are found twice: by a rule, and by what the last revision says.
    assert any(sentence in fault for fault in found)
    assert len(found) <= 2


def test_the_flag_of_a_claim_that_is_not_published_is_looked_at(milia_session: Session) -> None:
    undisputed = select(Claim.id).where(Claim.severity == Severity.none).limit(1).scalar_subquery()
    milia_session.execute(
        update(Claim).where(Claim.id == undisputed).values(status="retracted", conflict=True),
    )

    assert any("the flags of the claim" in fault for fault in faults(milia_session))


# A document against its text


def seed_of(text: str, *, uncited: list[Seed] | None = None) -> Seed:
    seed = small_seed()
    seed["documents"][0] |= {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "length": len(text),
        "uncited": uncited or [],
    }
    return seed


def check(sessions: Sessions, content: bytes) -> tuple[list[str], list[str]]:
    """Faults, and what was said."""
    said: list[str] = []
    with sessions.read() as session:
        return check_document(session, "leaflet", content, said.append), said


def test_citations_that_stand_in_the_text_are_verified(sessions: Sessions) -> None:
    load(sessions, seed_of(TEXT))

    found, said = check(sessions, TEXT.encode())

    assert found == []
    assert said == [
        "leaflet: 5 of 5 citations verified",
        "  p1: 3 citations touch 3 of 3 sentences, 0 uncited with a reason",
        "  p2: 2 citations touch 2 of 2 sentences, 0 uncited with a reason",
    ]


def test_another_text_is_refused_by_its_digest(sessions: Sessions) -> None:
    load(sessions, seed_of(TEXT))

    found, said = check(sessions, TEXT.encode() + b"\n")

    assert found == [
        "the text is not the one that leaflet was made from: its SHA-256 differs",
    ]
    assert said == []


def test_a_text_that_is_not_utf_8_is_a_fault(sessions: Sessions) -> None:
    load(sessions, seed_of(TEXT))

    assert check(sessions, b"\xff")[0] == ["the text of leaflet is not UTF-8"]


def test_a_document_that_is_not_there_is_a_fault(session: Session) -> None:
    assert check_document(session, "no-such", b"", lambda _: None) == [
        "there is no document no-such",
    ]


def test_a_shifted_citation_is_found_and_told_where_it_belongs(sessions: Sessions) -> None:
    seed = seed_of(TEXT)
    citation = seed["claims"][0]["citations"][0]
    right = citation["start"]
    citation |= {"start": right + 1, "end": citation["end"] + 1}
    load(sessions, seed)

    [fault], said = check(sessions, TEXT.encode())

    assert fault.endswith(
        f"the text has other words at {right + 1}..{citation['end']}; the quote stands at {right}"
    )
    assert said[0] == "leaflet: 4 of 5 citations verified"


def test_a_quote_that_stands_nowhere_is_found(sessions: Sessions) -> None:
    seed = seed_of(TEXT)
    citation = seed["claims"][0]["citations"][0]
    citation["quote"] = "It comes from a wish"
    load(sessions, seed)

    [fault], _ = check(sessions, TEXT.encode())

    assert fault.endswith(f"the text has other words at {citation['start']}..{citation['end']}")


def test_a_wrong_length_is_a_fault(sessions: Sessions) -> None:
    seed = seed_of(TEXT)
    seed["documents"][0]["length"] += 1
    load(sessions, seed)

    assert check(sessions, TEXT.encode())[0] == [
        f"leaflet is said to have {len(TEXT) + 1} code points, not {len(TEXT)}",
    ]


def test_a_locator_is_not_taken_for_a_wrong_quote(sessions: Sessions) -> None:
    seed = seed_of(TEXT)
    seed["claims"][0]["citations"].append({"passage": "leaflet/p1", "locator": "first page"})
    load(sessions, seed)

    found, said = check(sessions, TEXT.encode())

    assert found == []
    assert said[0] == "leaflet: 5 of 6 citations verified"


def without_pain(seed: Seed) -> Seed:
    seed["claims"] = [one for one in seed["claims"] if not one["key"].endswith("/pain")]
    return seed


def test_a_sentence_that_no_citation_touches_is_a_fault(sessions: Sessions) -> None:
    load(sessions, without_pain(seed_of(TEXT)))

    found, _ = check(sessions, TEXT.encode())

    start = TEXT.index("It may hurt.")
    assert found == [
        f"p1: no citation touches {start}..{start + 12}, and no reason is given",
    ]


def test_a_sentence_listed_with_a_reason_is_no_fault(sessions: Sessions) -> None:
    start = TEXT.index("It may hurt.")
    uncited = [{"start": start, "end": start + 12, "reason": "It is not about milia."}]
    load(sessions, without_pain(seed_of(TEXT, uncited=uncited)))

    found, said = check(sessions, TEXT.encode())

    assert found == []
    assert said[1].endswith("touch 2 of 3 sentences, 1 uncited with a reason")


def test_offsets_of_a_text_with_crlf_count_its_carriage_returns(sessions: Sessions) -> None:
    text = f"{FIRST}\r\n{SECOND}"
    seed = seed_of(text)
    seed["documents"][0]["passages"][1] |= {"start": len(FIRST) + 2, "end": len(text)}
    for one in seed["claims"]:
        for citation in one["citations"]:
            if citation["passage"].endswith("p2"):
                citation |= {"start": citation["start"] + 1, "end": citation["end"] + 1}
    load(sessions, seed)

    assert check(sessions, text.encode())[0] == []
    assert "SHA-256 differs" in check(sessions, text.replace("\r\n", "\n").encode())[0][0]


def test_offsets_count_code_points_not_bytes(sessions: Sessions) -> None:
    text = "\N{BABY}" * len("Milia is rare") + TEXT[len("Milia is rare") :]
    seed = seed_of(text)
    citation = seed["claims"][2]["citations"][0]
    citation["quote"] = "\N{BABY}" * len(citation["quote"])
    load(sessions, seed)

    found, said = check(sessions, text.encode())

    assert found == []
    assert said[0] == "leaflet: 5 of 5 citations verified"


# Sentences and places


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("One! Two? Three", ["One!", "Two?", "Three"]),
        ("  One.\n\n Two.  ", ["One.", "Two."]),
        ("It is 1.5 mm wide. Yes.", ["It is 1.5 mm wide.", "Yes."]),
        ('He said "no." She left.', ['He said "no."', "She left."]),
        ("(One.) Two.", ["(One.)", "Two."]),
        ("One.\r\nTwo.", ["One.", "Two."]),
        ("glued.Together", ["glued.Together"]),
        ("", []),
        ("   ", []),
    ],
)
def test_a_text_falls_into_sentences(text: str, found: list[str]) -> None:
    assert [text[one.start : one.end] for one in sentences(text, 0, len(text))] == found


def test_sentences_stay_within_their_passage() -> None:
    assert [tuple(one) for one in sentences("One. Two. Three.", 2, 7)] == [(2, 4), (5, 7)]


@pytest.mark.parametrize(
    ("quote", "starts"),
    [("na", [2, 4]), ("ana", [1, 3]), ("no", []), ("", [])],
)
def test_every_place_of_a_quote_is_found(quote: str, starts: list[int]) -> None:
    assert [place.start for place in locate_quote("banana", quote)] == starts
