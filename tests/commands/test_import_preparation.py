"""What an import makes ready before it locks anything is what it would have written under it."""

import json
import sys
import time
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.bulk import TURN, InTurns
from app.commands.import_reading import read_plain_claim
from app.db import Sessions, make_sessions
from app.json_parts import as_text
from app.models import Citation, Claim, Condition, Conflict, Revision, WrittenClaim
from app.queries.chain import canonical, canonical_event, event_content
from app.queries.check import check_base
from app.queries.conflicts import conflict_records
from app.queries.records import claim_records
from app.vocabulary import load_vocabulary
from tests.commands.imports import Line, faults_of, import_lines, line_of, small_lines, with_text
from tests.commands.seeds import cite


def sound(sessions: Sessions) -> bool:
    with sessions.read() as session:
        return check_base(session, load_vocabulary(), lambda _: None) == []


def denied(key: str) -> Line:
    """That it hurts, denied for all cases."""
    pain = line_of(small_lines(), "pain")
    return pain | {"key": key, "polarity": "denies", "citations": [cite("It may hurt")]}


def test_what_was_made_ready_is_what_the_records_say(sessions: Sessions) -> None:
    import_lines(sessions, with_text(small_lines()))

    with sessions.read() as session:
        for type_, records, model in (
            ("claim", claim_records, Claim),
            ("conflict", conflict_records, Conflict),
        ):
            kept: dict[int, Any] = dict(
                session.execute(
                    select(Revision.record_id, Revision.snapshot).where(
                        Revision.record_type == type_,
                    ),
                ).all(),
            )
            assert kept
            fresh = records(session, list(session.scalars(select(model.id))))
            assert {id_: json.dumps(one) for id_, one in kept.items()} == {
                id_: json.dumps(one) for id_, one in fresh.items()
            }


def test_snapshots_are_written_as_our_other_json_is(sessions: Sessions) -> None:
    letters = "".join(map(chr, range(1, 0x500))) + '\u2028 \\ "\U0001f642'
    lines = with_text(small_lines())
    pain = line_of(lines, "pain")
    at_table = {"passage": "leaflet/p1", "locator": letters[:500], "hedge": letters[-400:]}
    aged = pain | {
        "key": "milia/aged",
        "statement": f"It {letters} hurts.",
        "scope": {"age_low": 0.1, "age_high": 90},
        "citations": [*pain["citations"], at_table],
    }

    import_lines(sessions, [*lines, aged])

    assert sound(sessions)  # compares what is written out with the rows, and the digests
    with sessions.read() as session:
        bodies = dict(session.execute(select(WrittenClaim.claim_id, WrittenClaim.body)).all())
        records = claim_records(session, list(bodies))
        assert bodies == {id_: as_text(record) for id_, record in records.items()}


def test_a_claim_that_holds_rarely_and_always_is_in_conflict_without_others(
    sessions: Sessions,
) -> None:
    pain = line_of(small_lines(), "pain")
    torn = pain | {
        "key": "other/pain",
        "condition": "other",
        "citations": [
            cite("It may hurt", frequency="rarely"),
            cite("It comes from a gene", frequency="always"),
        ],
    }
    fresh = [{"type": "condition", "slug": "other", "name": "Other"}, torn]

    without = import_lines(sessions, small_lines(), dry_run=True)
    report = import_lines(sessions, [*small_lines(), *fresh])

    assert report["conflicts"]["opened"] == without["conflicts"]["opened"] + 1
    assert sound(sessions)


def test_new_claims_beside_changed_ones_are_written_too(sessions: Sessions) -> None:
    lines = small_lines()
    import_lines(sessions, lines)
    changed = line_of(lines, "pain") | {"statement": "It is said otherwise."}
    fresh = denied("milia/fresh")

    report = import_lines(sessions, [changed, fresh])

    assert report["updated"]["claim"] == report["created"]["claim"] == 1
    assert report["conflicts"]["opened"] == 1
    assert sound(sessions)


@pytest.mark.parametrize("type_", ["concept", "condition", "document"])
def test_new_claims_of_what_changes_in_the_same_file_show_the_change(
    sessions: Sessions,
    type_: str,
) -> None:
    lines = small_lines()
    import_lines(sessions, lines)
    names = {"concept": "label", "condition": "name", "document": "title"}
    changed = [one | {names[type_]: "Otherwise"} for one in lines if one["type"] == type_]
    fresh = denied("milia/fresh")

    import_lines(sessions, [*changed, fresh])

    assert sound(sessions)


def test_a_new_condition_and_one_that_is_there_both_get_their_conflicts(
    sessions: Sessions,
) -> None:
    lines = small_lines()
    import_lines(sessions, lines)
    pain = line_of(lines, "pain")
    fresh = [
        {"type": "condition", "slug": "other", "name": "Other"},
        pain | {"key": "other/pain", "condition": "other"},
        denied("other/none") | {"condition": "other"},
        denied("milia/none"),
    ]

    report = import_lines(sessions, fresh)

    assert report["conflicts"]["opened"] == 2
    assert sound(sessions)


def test_drafts_of_a_new_condition_take_no_part_in_its_conflicts(sessions: Sessions) -> None:
    denial = denied("milia/none") | {"status": "draft"}

    without = import_lines(sessions, small_lines(), dry_run=True)
    report = import_lines(sessions, [*small_lines(), denial])

    assert report["conflicts"] == without["conflicts"]
    assert sound(sessions)


def test_ids_that_others_took_meanwhile_are_not_given_again(fresh_engine: Engine) -> None:
    sessions = make_sessions(fresh_engine)
    import_lines(sessions, small_lines())
    pain = line_of(small_lines(), "pain")
    told: list[str] = []

    def meanwhile(stage: str, _done: int) -> None:
        if stage == "checking" and stage not in told:
            told.append(stage)
            import_lines(sessions, [denied("milia/theirs")])

    other = [
        {"type": "condition", "slug": "other", "name": "Other"},
        pain | {"key": "other/pain", "condition": "other"},
    ]
    report = import_lines(sessions, other, tell=meanwhile)

    assert report["created"]["claim"] == 1
    assert sound(sessions)
    with sessions.read() as session:
        assert session.scalar(select(func.count()).select_from(Condition)) == 2
        for model in (Claim, Citation):
            ids = session.scalars(select(model.id)).all()
            assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ('"polarity": "affirms", "polarity": "denies"', "a key stands twice in one object"),
        ('"polarity" : "affirms", "polarity":"denies"', "a key stands twice in one object"),
        ('"scope": {"age_low": 3, "age_low": 4}', "a key stands twice in one object"),
        ('"subject": "x\\u0000y"', "A text contains the NUL character"),
        ('"subject": "x\\ud800y"', "A text contains half of a surrogate pair"),
    ],
)
def test_the_quick_reading_of_a_claim_leaves_what_is_wrong_to_the_thorough_one(
    sessions: Sessions,
    written: str,
    fault: str,
) -> None:
    content = json.dumps(line_of(small_lines(), "pain"))[:-1] + f", {written}}}"

    assert read_plain_claim(content.encode()) is None
    assert fault in faults_of(sessions, [content.encode()])[0].reason


@pytest.mark.parametrize("statement", ["With: colons: in it.", "Ümläute und ☃.", '"Quoted".'])
def test_the_quick_reading_of_a_claim_takes_any_words(statement: str) -> None:
    line = line_of(small_lines(), "pain") | {"statement": statement, "version": 2}

    for content in (json.dumps(line), json.dumps(line, ensure_ascii=False)):
        read = read_plain_claim(content.encode())
        assert read is not None
        assert read.statement == statement


def test_an_event_is_canonical_with_its_snapshot_put_in() -> None:
    snapshot = {"words": 'é "\n', "number": 1.5, "nothing": None}
    event: dict[str, Any] = {
        "event": 3,
        "record_type": "claim",
        "record_id": 7,
        "version": 2,
        "condition_id": None,
        "action": "conflict.opened",
    }

    assert canonical_event(**event, snapshot=canonical(snapshot)) == canonical(
        event_content(**event, snapshot=snapshot),
    )


def test_turns_are_short_while_any_import_runs_and_as_before_afterwards() -> None:
    usual = sys.getswitchinterval()
    with InTurns():
        with InTurns():
            assert sys.getswitchinterval() == pytest.approx(TURN)
        assert sys.getswitchinterval() == pytest.approx(TURN)

    assert sys.getswitchinterval() == usual


def test_an_import_rests_before_the_lock_and_never_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)
    in_turns = InTurns()

    in_turns("writing", 1)
    assert rests == []
    in_turns("checking", 1)
    assert len(rests) == 1
