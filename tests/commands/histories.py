"""Random histories of changes, each followed by a computation of all that it may have changed.

``python -m tests.commands.histories --histories 200`` is the long form of the test.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.claim_edits import Edit, edit_claim
from app.commands.claim_merges import merge_claim
from app.commands.claim_reviews import PUBLISH, RESTORE, RETRACT, SUBMIT, move_claim
from app.commands.concept_edits import edit_concept
from app.commands.conflicts import EFFECTS
from app.commands.decisions import assert_conflict, decide_conflict
from app.commands.document_edits import change_document_status
from app.commands.touched import RecordEdit
from app.commands.vocabularies import store_vocabulary
from app.db import Sessions, make_sessions
from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, public_id
from app.models import Claim, Concept, Conflict, ConflictClaim, Document
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.records import claim_records
from app.schemas.decisions import REASON_CODES, AssertionIn, DecisionIn
from app.schemas.document_edits import StatusIn
from app.vocabulary import (
    Certainty,
    ClaimStatus,
    DecisionKind,
    DocumentStatus,
    Exclusivity,
    Frequency,
    Polarity,
    load_vocabulary,
)
from tests.conftest import rolled_back
from tests.databases import migrated_engine, new_database
from tests.generators import CONCEPTS, QUESTIONS, make_plan, refresh, write_plan

EDITOR = Actor("a tester", Role.admin, "")
BROADER: Sequence[tuple[str, list[str]]] = (
    ("gland", ["gene"]),
    ("gland", []),
    ("sun", ["gland"]),
    ("sun", []),
    ("mutation", []),
    ("mutation", ["gene"]),
)
DECISIONS = (DecisionKind.confirmed, DecisionKind.explained, DecisionKind.dismissed)
Row = Mapping[str, Any]


class History:
    """Changes of one base, drawn from a number. ``effects`` counts what they did to conflicts."""

    def __init__(self, sessions: Sessions, number: int) -> None:
        self._sessions = sessions
        self._chance = random.Random(number)
        self._vocabulary = load_vocabulary()
        self._reviewed: int | None = None
        self.effects: Counter[str] = Counter()
        with sessions.write.begin() as session:
            write_plan(session, make_plan(number, claims=30))

    def step(self) -> str:
        """Make one change; its name. One that is refused changes nothing."""
        change = self._chance.choice(
            [self._edit] * 6
            + [self._review] * 3
            + [self._decide] * 2
            + [self._merge, self._assert, self._change_document, self._change_concept],
        )
        draft = ChangeDraft("person", EDITOR.account, "a change", "For a test.")
        try:
            with self._sessions.write.begin() as session:
                change(session, draft)
                finish_change(session, draft)
        except (ConflictingStateError, InvalidRequestError):
            return f"{change.__name__}, refused"
        self.effects.update(EFFECTS[one.action] for one in draft.events if one.action in EFFECTS)
        return change.__name__

    def left_to_do(self) -> list[Any]:
        """What a computation of every condition as a whole would still change."""
        with self._sessions.write() as session:
            former = rows_of(session)
            draft = ChangeDraft("system", EDITOR.account, "refresh", "For a test.")
            refresh(session, draft)
            latter = rows_of(session)
            session.rollback()
        gone = [one for one in former if one not in latter]
        return [*draft.events, *gone, *(one for one in latter if one not in former)]

    def _edit(self, session: Session, draft: ChangeDraft) -> None:
        claim = self._claim(session)
        question = self._chance.choice([claim.question, *QUESTIONS])
        values = QUESTIONS[question] or ()
        said: dict[str, Any] = {"question": question, "concept": None, "quantity": None}
        if values and self._chance.random() < 0.9:
            said |= {"concept": self._chance.choice(values), "words": None}
        else:
            said["words"] = self._chance.choice(["Rare", "As it is said."])
        patch = self._chance.choice(
            [
                said,
                {"polarity": self._chance.choice(list(Polarity)).value},
                {"scope": self._chance.choice([None, {"severity": "mild"}, {"age_low": 18}])},
                {"subject": self._chance.choice([None, "laser"])},
                {"citations": self._citations(session, claim)},
            ],
        )
        edit_claim(session, draft, self._edit_of(claim), patch)

    def _citations(self, session: Session, claim: Claim) -> list[dict[str, Any]]:
        """Some of those that the claim has, or all of them, said in another way."""
        known = claim_records(session, [claim.id])[claim.id]["citations"]
        kept = known[: self._chance.randint(1, len(known))] if known else []
        return [
            {name: one[name] for name in ("start", "end", "quote", "locator")}
            | {
                "passage": f"{one['document']['key']}/{one['passage']['key']}",
                "certainty": self._chance.choice(list(Certainty)).value,
                "frequency": self._chance.choice(list(Frequency)).value,
                "exclusivity": self._chance.choice(list(Exclusivity)).value,
            }
            for one in kept
        ]

    def _review(self, session: Session, draft: ChangeDraft) -> None:
        claim = self._claim(session)
        if self._reviewed and self._chance.random() < 0.5:  # so that conflicts open again
            claim = session.get_one(Claim, self._reviewed)
        self._reviewed = claim.id
        next_step = {
            ClaimStatus.draft: SUBMIT,
            ClaimStatus.in_review: PUBLISH,
            ClaimStatus.published: RETRACT,
            ClaimStatus.retracted: RESTORE,
            ClaimStatus.rejected: RESTORE,
        }
        move_claim(session, draft, self._edit_of(claim), next_step[claim.status])

    def _merge(self, session: Session, draft: ChangeDraft) -> None:
        source, target = self._claim(session), self._claim(session)
        merge_claim(session, draft, self._edit_of(source), target.id)

    def _decide(self, session: Session, draft: ChangeDraft) -> None:
        conflicts = session.scalars(
            select(Conflict).where(Conflict.status == "open").order_by(Conflict.id),
        ).all()
        if not conflicts:
            return
        conflict, kind = self._chance.choice(conflicts), self._chance.choice(DECISIONS)
        body = {"kind": kind, "reason_code": REASON_CODES[kind][0], "reason": "For a test."}
        edit = RecordEdit(conflict.id, conflict.version, self._vocabulary)
        decide_conflict(session, draft, edit, DecisionIn.model_validate(body))

    def _assert(self, session: Session, draft: ChangeDraft) -> None:
        claims = {self._claim(session).id, self._claim(session).id, self._claim(session).id}
        body = {
            "claims": sorted(public_id(Prefix.claim, id_) for id_ in claims)[:2],
            "severity": self._chance.choice(["tension", "disagreement", "contradiction"]),
            "reason_code": "rules_missed",
            "reason": "For a test.",
        }
        if len(body["claims"]) > 1:
            assert_conflict(session, draft, AssertionIn.model_validate(body), self._vocabulary)

    def _change_document(self, session: Session, draft: ChangeDraft) -> None:
        row = self._chance.choice(session.scalars(select(Document).order_by(Document.id)).all())
        status = self._chance.choice([DocumentStatus.active, DocumentStatus.retracted])
        body = StatusIn.model_validate({"status": status, "reason": "For a test."})
        edit = RecordEdit(row.id, row.version, self._vocabulary)
        change_document_status(session, draft, edit, body)

    def _change_concept(self, session: Session, draft: ChangeDraft) -> None:
        key, broader = self._chance.choice(BROADER)
        patch: dict[str, Any] = {"broader": broader}
        if self._chance.random() < 0.5:
            key, label, *_ = self._chance.choice(CONCEPTS)
            patch = {"label": f"{label} {self._chance.randint(1, 9)}"}
        row = session.scalars(select(Concept).where(Concept.key == key)).one()
        edit_concept(session, draft, RecordEdit(row.id, row.version, self._vocabulary), patch)

    def _claim(self, session: Session) -> Claim:
        return self._chance.choice(session.scalars(select(Claim).order_by(Claim.id)).all())

    def _edit_of(self, claim: Claim) -> Edit:
        return Edit(claim.id, claim.version, EDITOR, self._vocabulary)


def rows_of(session: Session) -> Sequence[Row]:
    """All that a refresh of conflicts writes."""
    return [dict(row) for statement in _WRITTEN for row in session.execute(statement).mappings()]


_WRITTEN = (
    select(*Conflict.__table__.columns).order_by(Conflict.id),
    select(*ConflictClaim.__table__.columns),
    select(Claim.id, Claim.severity, Claim.conflict).order_by(Claim.id),
)


def faults_of(history: History, steps: int) -> Iterator[str]:
    """Each step after which something was left to compute."""
    for number in range(1, steps + 1):
        done = history.step()
        if left := history.left_to_do():
            yield f"step {number}, {done}: {left[0]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    effects: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        engine = migrated_engine(new_database("histories", Path(folder)))
        with make_sessions(engine).write.begin() as session:
            draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
            store_vocabulary(session, load_vocabulary(), draft)
            finish_change(session, draft)
        for number in range(given.histories):
            with rolled_back(engine) as sessions:
                history = History(sessions, number)
                faults += [f"{number}: {one}" for one in faults_of(history, given.steps)]
                effects += history.effects
        engine.dispose()
    print(f"{given.histories} histories of {given.steps} changes: {dict(effects)}")
    print(f"{len(faults)} changes left something to compute")
    for fault in faults[:10]:
        print(f"  {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
