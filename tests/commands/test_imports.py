"""A bulk import writes all of its lines or none, and tells exactly what is wrong with them."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from app.commands.import_staging import MAX_FAULTS, LineFault
from app.db import Sessions, make_sessions
from app.errors import ImportRefusedError
from app.models import (
    Change,
    Citation,
    Claim,
    Concept,
    Conflict,
    Document,
    DocumentText,
    Import,
    Revision,
)
from app.queries.check import check_base
from app.vocabulary import ClaimStatus, Verification, load_vocabulary
from tests.commands.imports import (
    Line,
    faults_of,
    import_lines,
    line_of,
    small_lines,
    with_text,
    written,
)
from tests.commands.seeds import FIRST, TEXT, cite, claim, load, small_seed


def sound(sessions: Sessions) -> bool:
    with sessions.read() as session:
        faults = check_base(session, load_vocabulary(), lambda _: None)
    assert faults == []
    return True


def numbers(sessions: Sessions) -> tuple[int | None, ...]:
    models = (Change, Revision, Claim, Concept, Document, Conflict, Import)
    with sessions.read() as session:
        return tuple(session.scalar(select(func.count()).select_from(one)) for one in models)


def by_person(sessions: Sessions, key: str) -> None:
    """As if a person had made the current version of a claim."""
    with sessions.write.begin() as session:
        change = (
            select(Revision.change)
            .join(Claim, Claim.id == Revision.record_id)
            .where(Revision.record_type == "claim", Claim.key == key)
        )
        session.execute(
            update(Change)
            .where(Change.number.in_(change))
            .values(origin="person")
            .execution_options(synchronize_session=False),
        )


# What is written


def test_lines_in_any_order_become_records_with_their_conflicts(sessions: Sessions) -> None:
    report = import_lines(sessions, small_lines())

    assert report["created"] == {"concept": 6, "condition": 1, "document": 1, "claim": 5}
    assert report["conflicts"] == {"opened": 2, "changed": 0, "stale": 0, "closed": 0}
    assert report["lines"] == 13
    assert sound(sessions)


def test_it_is_one_change_of_origin_import_by_its_actor(sessions: Sessions) -> None:
    report = import_lines(sessions, small_lines(), key_id="abcdefghij")

    with sessions.read() as session:
        change = session.get_one(Change, report["change"])
        kept = session.scalars(select(Import)).one()
    assert (change.origin, change.actor, change.key_id) == ("import", "tester", "abcdefghij")
    assert kept.change == change.number
    assert kept.report["created"]["claim"] == 5


def test_it_equals_what_the_seed_makes_of_the_same_records(
    sessions: Sessions,
    fresh_engine: Engine,
) -> None:
    import_lines(sessions, small_lines())
    with sessions.read() as session:
        made = snapshots(session)
    from app.db import make_sessions  # noqa: PLC0415

    load(make_sessions(fresh_engine), small_seed())
    with make_sessions(fresh_engine).read() as session:
        seeded = snapshots(session)

    assert made == seeded


def snapshots(session: Session) -> dict[tuple[str, str], Any]:
    """The last snapshots without ids and times, by type and key."""
    rows = session.execute(
        select(Revision.record_type, Revision.snapshot).where(Revision.record_type != "vocabulary"),
    )
    return {
        (kind, snapshot.get("key") or snapshot["slug"]): json.loads(
            json.dumps(without_numbers(snapshot)),
        )
        for kind, snapshot in rows
    }


def without_numbers(value: Any) -> Any:
    left_out = {
        "id",
        "created_at",
        "updated_at",
        "claims",
        "claim",
        "pivotal",
        "passages",
        "documents",
        "severities",
    }
    if isinstance(value, dict):
        return {key: without_numbers(part) for key, part in value.items() if key not in left_out}
    return [without_numbers(part) for part in value] if isinstance(value, list) else value


def test_the_same_lines_again_change_nothing(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    before = numbers(sessions)

    report = import_lines(sessions, small_lines())

    assert report["unchanged"] == {"concept": 6, "condition": 1, "document": 1, "claim": 5}
    assert report["change"] is None
    assert numbers(sessions)[:-1] == before[:-1]


def test_changed_lines_make_new_versions_of_just_those_records(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    lines = small_lines()
    line_of(lines, "pain")["statement"] = "It is said to hurt."
    line_of_concept(lines, "rare")["label"] = "Seldom"

    report = import_lines(sessions, lines)

    assert report["updated"] == {"concept": 1, "condition": 0, "document": 0, "claim": 1}
    with sessions.read() as session:
        assert session.scalar(select(Claim.version).where(Claim.key.endswith("/pain"))) == 2
        assert session.scalar(select(Claim.version).where(Claim.key.endswith("/gene"))) == 1
    assert sound(sessions)


def line_of_concept(lines: list[Line], key: str) -> Line:
    [found] = [line for line in lines if line["type"] == "concept" and line["key"] == key]
    return found


def test_a_citation_that_stays_keeps_its_id(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    with sessions.read() as session:
        before = set(session.scalars(select(Citation.id)))
    lines = small_lines()
    gene = line_of(lines, "cause.origin/gene")
    gene["citations"].insert(0, cite("Milia is rare"))

    import_lines(sessions, lines)

    with sessions.read() as session:
        assert before < set(session.scalars(select(Citation.id)))
    assert sound(sessions)


def test_citations_that_a_line_leaves_out_are_gone(sessions: Sessions) -> None:
    lines = small_lines()
    gene = line_of(lines, "cause.origin/gene")
    gene["citations"].append(cite("Milia is rare"))
    import_lines(sessions, lines)

    gene["citations"].pop(0)
    import_lines(sessions, lines)

    with sessions.read() as session:
        quotes = session.scalars(
            select(Citation.quote)
            .join(Claim, Claim.id == Citation.claim_id)
            .where(Claim.key.endswith("/gene")),
        ).all()
    assert quotes == ["Milia is rare"]
    assert sound(sessions)


def test_closing_a_conflict_is_in_the_report(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    lines = small_lines()
    line_of_concept(lines, "gene")["broader"] = ["gland"]

    report = import_lines(sessions, lines)

    assert report["conflicts"]["closed"] == 1
    assert sound(sessions)


def test_claims_can_exchange_what_they_say(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    lines = small_lines()
    rare, common = (line_of(lines, f"prevalence.frequency/{key}") for key in ("rare", "common"))
    rare["concept"], common["concept"] = common["concept"], rare["concept"]

    report = import_lines(sessions, lines)

    assert report["updated"]["claim"] == 2
    assert sound(sessions)


def test_a_claim_has_the_status_that_its_line_says(sessions: Sessions) -> None:
    lines = small_lines()
    line_of(lines, "pain")["status"] = "draft"
    import_lines(sessions, lines)
    with sessions.read() as session:
        drafts = session.scalars(select(Claim.key).where(Claim.status == ClaimStatus.draft)).all()
    assert drafts == ["milia/symptom.reported/pain"]

    del line_of(lines, "pain")["status"]

    assert import_lines(sessions, lines)["unchanged"]["claim"] == 5


def test_a_dry_run_tells_the_same_and_writes_nothing(sessions: Sessions) -> None:
    before = numbers(sessions)

    dry = import_lines(sessions, small_lines(), dry_run=True)

    assert numbers(sessions) == before
    assert (dry["dry_run"], dry["change"], dry["id"]) == (True, None, None)
    assert dry["conflicts"]["opened"] == 2
    assert import_lines(sessions, small_lines())["created"] == dry["created"]


# Texts


def test_with_the_text_every_quote_is_compared_and_the_text_is_kept(sessions: Sessions) -> None:
    import_lines(sessions, with_text(small_lines()))

    with sessions.read() as session:
        assert set(session.scalars(select(Citation.verification))) == {Verification.verified}
        assert session.scalars(select(DocumentText.text)).one() == TEXT
        assert session.scalars(select(Document.text_held)).one()
    assert sound(sessions)


def test_without_a_text_nothing_is_called_verified(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())

    with sessions.read() as session:
        assert set(session.scalars(select(Citation.verification))) == {Verification.unverified}


def test_a_wrong_offset_is_refused_with_the_place_where_the_quote_stands(
    sessions: Sessions,
) -> None:
    lines = with_text(small_lines())
    cited = line_of(lines, "cause.origin/gene")["citations"][0]
    right = cited["start"]
    cited["start"], cited["end"] = right + 1, cited["end"] + 1

    [fault] = faults_of(sessions, lines)

    assert fault.pointer == "/citations/0/start"
    assert fault.reason.endswith(f"the quote stands at {right}..{cited['end'] - 1}")


def test_a_later_import_is_compared_with_the_text_that_is_held(sessions: Sessions) -> None:
    import_lines(sessions, with_text(small_lines()))
    moved = claim("symptom.reported", "gene", cite("It may hurt"))
    moved["citations"][0]["quote"] = "It may HURT"

    [fault] = faults_of(sessions, [{"type": "claim", **moved}])

    assert fault.reason.endswith("the quote stands nowhere in it")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("sha256", "0" * 64, "the SHA-256 of the text is"),
        ("length", 7, f"the text has {len(TEXT)} code points"),
    ],
)
def test_what_is_said_of_a_text_is_compared_with_it(
    sessions: Sessions,
    field: str,
    value: Any,
    reason: str,
) -> None:
    lines = with_text(small_lines())
    line_of(lines, "leaflet")[field] = value

    [fault] = faults_of(sessions, lines)

    assert fault.pointer == f"/{field}"
    assert reason in fault.reason


def test_a_text_that_claims_stand_in_is_not_exchanged(sessions: Sessions) -> None:
    import_lines(sessions, with_text(small_lines()))
    lines = small_lines()
    line_of(lines, "leaflet")["text"] = TEXT + " More."
    line_of(lines, "leaflet").pop("length")

    [fault] = faults_of(sessions, lines)

    assert fault.pointer == "/text"


def test_nothing_is_verified_by_assertion(sessions: Sessions) -> None:
    lines = small_lines()
    line_of(lines, "leaflet")["verified"] = True

    [fault] = faults_of(sessions, lines)

    assert fault.pointer == "/verified"


# Faults


def change(key: str, /, **values: Any) -> Callable[[list[Line]], None]:
    def apply(lines: list[Line]) -> None:
        line_of(lines, key).update(values)

    apply.__name__ = f"{key} {' '.join(values)}"
    return apply


def again(lines: list[Line]) -> None:
    lines.append(copy.deepcopy(line_of(lines, "pain")))


def same_under_another_key(lines: list[Line]) -> None:
    lines.append(line_of(lines, "pain") | {"key": "another"})


def alias_of_another(lines: list[Line]) -> None:
    lines.append({"type": "condition", "slug": "milia-syndrome", "name": "Other"})


def circle(lines: list[Line]) -> None:
    line_of_concept(lines, "gene")["broader"] = ["gland"]
    line_of_concept(lines, "gland")["broader"] = ["gene"]


def unknown_broader(lines: list[Line]) -> None:
    line_of_concept(lines, "gene")["broader"] = ["nothing"]


def overlapping_passages(lines: list[Line]) -> None:
    line_of(lines, "leaflet")["passages"][1]["start"] = 3


def unknown_passage(lines: list[Line]) -> None:
    line_of(lines, "pain")["citations"][0]["passage"] = "leaflet/p9"


def outside_of_its_passage(lines: list[Line]) -> None:
    line_of(lines, "pain")["citations"][0]["passage"] = "leaflet/p2"


@pytest.mark.parametrize(
    ("spoil", "pointer", "reason"),
    [
        (change("pain", condition="nothing"), "/condition", "there is no condition nothing"),
        (change("pain", concept="nothing"), "/concept", "there is no concept nothing"),
        (change("pain", subject="nothing"), "/subject", "there is no concept nothing"),
        (change("pain", scope={"sex": "nothing"}), "/scope/sex", "there is no concept nothing"),
        (change("pain", question="nothing"), "/question", "has no question nothing"),
        (change("pain", statment="x"), "/statment", "did you mean statement?"),
        (change("pain", polarity="maybe"), "/polarity", "input should be"),
        (change("pain", status="retracted"), "/status", "must be draft"),
        (change("pain", version=3), "/version", "there is no such record yet"),
        (change("pain", key="No Key"), "/key", "should match pattern"),
        (unknown_passage, "/citations/0/passage", "there is no passage leaflet/p9"),
        (outside_of_its_passage, "/citations/0/start", "lies outside of leaflet/p2"),
        (overlapping_passages, "/passages/1/start", "without overlap"),
        (unknown_broader, "/broader/0", "there is no concept nothing"),
        (again, "", "the same record stands in line"),
        (same_under_another_key, "", "the same claim stands in line"),
        (alias_of_another, "/slug", "milia-syndrome is a slug or alias in line"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fault_is_named_with_line_place_and_reason(
    sessions: Sessions,
    spoil: Callable[[list[Line]], None],
    pointer: str,
    reason: str,
) -> None:
    lines = small_lines()
    before = numbers(sessions)
    spoil(lines)

    [fault] = faults_of(sessions, lines)

    assert fault.pointer == pointer
    assert reason in fault.reason.lower() or reason in fault.reason
    assert numbers(sessions) == before


def test_no_concept_is_broader_than_itself(sessions: Sessions) -> None:
    lines = small_lines()
    circle(lines)

    assert [fault.pointer for fault in faults_of(sessions, lines)] == ["/broader", "/broader"]


def test_a_circle_through_the_base_is_found(sessions: Sessions) -> None:
    lines = small_lines()
    line_of_concept(lines, "gene")["broader"] = ["gland"]
    import_lines(sessions, lines)
    gland = line_of_concept(lines, "gland") | {"broader": ["gene"]}

    [fault] = faults_of(sessions, [gland])

    assert fault.reason == "gland is broader than itself"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "No valid JSON"),
        (b"\xff", "not valid UTF-8"),
        (b"[]", "type has to be one of"),
        (b'{"type": "gene"}', "type has to be one of"),
        (b'{"type": "claim", "type": "claim"}', "a key stands twice"),
        (b'{"type": "concept", "key": "a", "label": NaN}', "NaN"),
        (b'{"type": "concept", "key": "a", "label": "\\ud800", "kind": "x"}', "surrogate"),
        (b'{"type": "concept", "key": "a", "label": "\\u0000", "kind": "x"}', "NUL"),
        (b"[" * 5_000, "nested too deeply"),
    ],
)
def test_hostile_lines_are_faults_of_their_line(
    sessions: Sessions,
    line: bytes,
    reason: str,
) -> None:
    [fault] = faults_of(sessions, [*small_lines(), line])

    assert fault.line == 14
    assert reason in fault.reason


def test_all_faults_are_told_not_just_the_first(sessions: Sessions) -> None:
    lines: list[Line | bytes] = [*small_lines(), b"{", b"}"]
    for number, line in enumerate(lines[:3]):
        assert isinstance(line, dict)
        line["concept"] = f"nothing-{number}"

    assert [fault.line for fault in faults_of(sessions, lines)] == [1, 2, 3, 14, 15]


def test_faults_are_told_up_to_a_limit_and_counted_beyond_it(sessions: Sessions) -> None:
    with pytest.raises(ImportRefusedError) as refusal:
        import_lines(sessions, [b"{"] * (MAX_FAULTS + 7))

    assert len(refusal.value.extra["faults"]) == MAX_FAULTS
    assert refusal.value.extra["faults_total"] == MAX_FAULTS + 7
    assert len(refusal.value.errors) == 20


def test_what_refers_to_a_line_at_fault_is_not_at_fault_itself(sessions: Sessions) -> None:
    lines = small_lines()
    line_of(lines, "leaflet")["titel"] = "x"
    line_of_concept(lines, "gene")["lable"] = "x"
    line_of(lines, "milia")["nam"] = "x"

    assert [fault.pointer for fault in faults_of(sessions, lines)] == ["/lable", "/nam", "/titel"]


def test_an_import_of_nothing_is_refused(sessions: Sessions) -> None:
    assert faults_of(sessions, []) == [LineFault(1, "", "there is no line in it")]


def test_blank_lines_and_a_byte_order_mark_are_passed_over(sessions: Sessions) -> None:
    content = b"\xef\xbb\xbf" + written(small_lines())
    lines = [b"\r\n".join([b"", content.replace(b"\n", b"\r\n\r\n"), b""])]

    assert import_lines(sessions, lines)["lines"] == 13


# What people changed


def test_what_people_changed_is_not_overwritten(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    by_person(sessions, "milia/symptom.reported/pain")
    lines = small_lines()
    line_of(lines, "pain")["statement"] = "Another."

    [fault] = faults_of(sessions, lines)

    assert fault.reason == "people changed it since: give its version, 1, to replace it"


def test_with_its_version_it_is_replaced(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    by_person(sessions, "milia/symptom.reported/pain")
    line = line_of(small_lines(), "pain") | {"statement": "Another.", "version": 1}

    assert import_lines(sessions, [line])["updated"]["claim"] == 1


def test_with_an_old_version_it_is_not(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    line = line_of(small_lines(), "pain") | {"statement": "Another."}
    import_lines(sessions, [line])

    [fault] = faults_of(sessions, [line | {"statement": "A third.", "version": 1}])

    assert fault == LineFault(1, "/version", "the record has version 2 by now")


def test_a_seeded_record_needs_its_version_too(milia_sessions: Sessions) -> None:
    with milia_sessions.read() as session:
        key = session.scalars(select(Concept.key).order_by(Concept.id)).first()
    line = {"type": "concept", "key": key, "label": "another", "kind": "other"}

    [fault] = faults_of(milia_sessions, [line])

    assert "give its version" in fault.reason


def test_a_withdrawn_claim_is_not_brought_back(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    with sessions.write.begin() as session:
        of_pain = Claim.key.endswith("/pain")
        session.execute(update(Claim).where(of_pain).values(status=ClaimStatus.retracted))
    line = line_of(small_lines(), "pain") | {"statement": "Another."}

    [fault] = faults_of(sessions, [line])

    assert fault.reason == "the claim is retracted: restore it first"


def test_a_claim_that_the_base_has_under_another_key_is_refused(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    line = line_of(small_lines(), "pain") | {"key": "another"}

    [fault] = faults_of(sessions, [line])

    assert fault.reason == "the claim milia/symptom.reported/pain says the same: cite it there"


def test_a_passage_that_others_cite_cannot_be_dropped(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    line = line_of(small_lines(), "leaflet")
    line["passages"] = [{"key": "p1", "start": 0, "end": len(FIRST)}]

    faults = faults_of(sessions, [line])

    assert len(faults) == 2
    assert all("the passage p2 is cited by CIT" in fault.reason for fault in faults)


def test_a_passage_that_nobody_cites_any_more_can(sessions: Sessions) -> None:
    import_lines(sessions, small_lines())
    lines = small_lines()
    line_of(lines, "leaflet")["passages"] = [{"key": "p1", "start": 0, "end": len(FIRST)}]
    for value in ("gland", "common"):
        found = [line for line in lines if line.get("concept") == value]
        found[0]["citations"] = [cite("It may hurt")]

    assert import_lines(sessions, lines)["updated"]["document"] == 1
    assert sound(sessions)


def test_a_change_between_checking_and_writing_is_noticed(fresh_engine: Engine) -> None:
    """Somebody replaces a claim while the lines are checked: they are checked again."""
    sessions = make_sessions(fresh_engine)
    load(sessions, small_seed() | {"claims": [], "documents": [], "conditions": [], "concepts": []})
    import_lines(sessions, small_lines())
    line = line_of(small_lines(), "pain")
    told: list[str] = []

    def meanwhile(stage: str, _done: int) -> None:
        if stage == "checking" and stage not in told:
            told.append(stage)
            import_lines(sessions, [line | {"statement": "Meanwhile."}])

    mine = line | {"statement": "Mine.", "version": 1}
    with pytest.raises(ImportRefusedError) as refusal:
        import_lines(sessions, [mine], tell=meanwhile)

    assert "the record has version 2 by now" in refusal.value.detail


def test_readers_do_not_wait_and_see_nothing_of_it_before_it_is_whole(
    fresh_engine: Engine,
) -> None:
    sessions = make_sessions(fresh_engine)
    load(sessions, small_seed() | {"claims": [], "documents": [], "conditions": [], "concepts": []})
    seen: list[tuple[int | None, ...]] = []
    before = numbers(sessions)

    def look(stage: str, _done: int) -> None:
        if stage == "writing":
            seen.append(numbers(sessions))

    import_lines(sessions, small_lines(), tell=look)

    assert seen == [before]
    assert numbers(sessions) != before


def test_where_four_eyes_are_wanted_nothing_is_published(sessions: Sessions) -> None:
    lines = small_lines()

    faults = faults_of(sessions, lines, four_eyes=True)
    for line in lines:
        if line["type"] == "claim":
            line["status"] = "in_review"

    assert [fault.pointer for fault in faults] == ["/status"] * 5
    assert import_lines(sessions, lines, four_eyes=True)["created"]["claim"] == 5
