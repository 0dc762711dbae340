"""P7: one edit of a published claim, with its search index, conflicts, revision, counters and
digest, against an update of its row and an insert of a revision by hand: both in one transaction
in WAL mode with ``synchronous=FULL``; the bare one on a copy of the base."""

import json
import tempfile
import time
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.commands.changes import ChangeDraft, finish_change
from app.commands.claim_edits import Edit, edit_claim
from app.db import create_sqlite_file, make_engine, make_sessions, sqlite_driver
from app.models import Claim, Condition
from app.policy import Role
from app.queries.accounts import Actor
from app.queries.records import claim_records
from app.vocabulary import ClaimStatus, load_vocabulary
from bench import large_conditions
from bench.bases import Base, imported
from bench.generator import CLAIMS_OF_A_CONDITION
from bench.measuring import (
    Asking,
    Plan,
    Row,
    another_version,
    at_most,
    in_milliseconds,
    key_of,
    seconds_of,
    seconds_until,
    shuffled,
)

MOST = 40  # edits of each side in a round
LARGE = (5_000, 20_000)  # claims of a condition
# Two that stand alone, open and competing, and one that others stand beside.
QUESTIONS = ("sign.feature", "onset.usual_age", "treatment.option")
UPDATE = (
    "UPDATE claims SET statement = ?, age_low = ?, version = version + 1, updated_at = ?"
    " WHERE id = ? AND version = ?"
)
INSERT = (
    "INSERT INTO revisions (record_type, record_id, version, change, event, condition_id, action,"
    " snapshot) VALUES ('claim', ?, ?, ?, ?, ?, 'updated', ?)"
)


def measure(plan: Plan) -> list[Row]:
    ours = plan.smallest
    port, key = plan.servers.own(ours), key_of(ours)
    typical = f"bench-condition-{ours.claims // CLAIMS_OF_A_CONDITION // 2}"
    with tempfile.TemporaryDirectory() as folder, closing(Asking(port, key)) as asking:
        by_hand = Base(ours.claims, Path(folder) / "bare.db")
        create_sqlite_file(by_hand.url)
        with (
            closing(sqlite_driver.connect(ours.path)) as source,
            closing(sqlite_driver.connect(by_hand.path)) as target,
        ):
            source.backup(target)
        rows = [_compared(plan, asking, (ours, by_hand), slug) for slug in ("milia", typical)]
        large = [claims for claims in LARGE if claims <= ours.claims * 2]
        return [*rows, *(_of_large_condition(plan, by_hand, claims) for claims in large)]


def _of_large_condition(plan: Plan, base: Base, claims: int) -> Row:
    """Edits of answers to questions that stand alone, and to one that others stand beside."""
    file = base.path.with_suffix(".jsonl")
    file.write_text("".join(large_conditions.lines(claims)), encoding="utf-8")
    imported(base.url, file)
    with ExitStack() as opened:
        own = {
            question: opened.enter_context(
                closing(Own(base, large_conditions.slug_of(claims), question))
            )
            for question in QUESTIONS
        }
        found = shuffled(
            {question: partial(_edits, plan, one) for question, one in own.items()},
            plan.rounds,
        )
    shown = {question: in_milliseconds(figures) for question, figures in found.items()}
    what = f"one edit in a condition of {claims:,} claims over 50 questions"
    return Row("P7", what, "shown", None, None, shown)


def _edits(plan: Plan, own: "Own") -> float:
    own.look()
    return seconds_until(plan.seconds, MOST, lambda: seconds_of(own.edit))


def _compared(plan: Plan, asking: Asking, bases: tuple[Base, Base], slug: str) -> Row:
    ours, by_hand = bases
    with closing(ByHand(by_hand, slug)) as bare, closing(Own(ours, slug)) as edits:
        claims = asking.read(f"/claims?condition={slug}&limit=1").json()["meta"]["total"]
        claim = f"CLM{edits.claim}"
        asking.edit(claim)
        found = shuffled(
            {
                "edit": partial(_edits, plan, edits),
                "over HTTP": lambda: seconds_until(plan.seconds, MOST, lambda: asking.edit(claim)),
                "bare": lambda: seconds_until(plan.seconds, MOST, lambda: seconds_of(bare.edit)),
            },
            plan.rounds,
        )
    shown = {name: in_milliseconds(figures) for name, figures in found.items()}
    ratio = found["edit"].median / found["bare"].median
    return Row(
        "P7",
        f"one edit / bare update and insert, condition of {claims} claims",
        *at_most(3, ratio),
        shown,
    )


class ByHand:
    def __init__(self, base: Base, slug: str) -> None:
        with closing(Own(base, slug)) as known:
            self._claim, self._condition = known.claim, known.condition
            self._version = known.version
            self._snapshot = json.dumps(known.record())
        self._connection: Any = sqlite_driver.connect(base.path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")
        last = (
            "SELECT change, max(event) FROM revisions"
            " WHERE change = (SELECT max(number) FROM changes)"
        )
        [[self._change, self._event]] = self._connection.execute(last).fetchall()

    def edit(self) -> None:
        version = self._version + 1
        self._event += 1
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        now = time.strftime("%Y-%m-%d %H:%M:%S.000000")
        words = f"Other words of version {version}."
        execute(UPDATE, (words, version % 100, now, self._claim, self._version))
        of_revision = (self._claim, version, self._change, self._event, self._condition)
        execute(INSERT, (*of_revision, self._snapshot))
        execute("COMMIT")
        self._version = version

    def close(self) -> None:
        self._connection.close()


class Own:
    """The command, without HTTP; of the first published claim of a condition, or of those that
    answer one question."""

    def __init__(self, base: Base, slug: str, question: str | None = None) -> None:
        self._engine = make_engine(base.url)
        self._sessions = make_sessions(self._engine)
        self._vocabulary = load_vocabulary()
        self._actor = Actor("bench", Role.admin, "")
        with self._sessions.read() as session:
            published = (
                select(Claim.id, Claim.condition_id)
                .join(Condition, Condition.id == Claim.condition_id)
                .where(Condition.slug == slug, Claim.status == ClaimStatus.published)
                .order_by(Claim.id)
                .limit(1)
            )
            if question is not None:
                published = published.where(Claim.question == question)
            self.claim, self.condition = session.execute(published).one()
        self.look()

    def record(self) -> dict[str, Any]:
        with self._sessions.read() as session:
            return claim_records(session, [self.claim])[self.claim]

    def look(self) -> None:
        """What the claim says now, and in which version."""
        known = self.record()
        self.version: int = known["version"]
        self._statement: str = known["statement"]

    def edit(self) -> None:
        """From the version that is known, as by hand."""
        patch = another_version(self._statement, self.version)
        with self._sessions.write.begin() as session:
            draft = ChangeDraft("person", "bench", "edit_claim", "Measured.")
            edit = Edit(self.claim, self.version, self._actor, self._vocabulary)
            edit_claim(session, draft, edit, patch)
            finish_change(session, draft)
        self.version += 1

    def close(self) -> None:
        self._engine.dispose()
