"""Small random bases, each a plan that is drawn from a number and then written.

A plan is a seed with what a seed cannot say: statuses, times, who compared which citation,
which documents were superseded. The same number gives the same plan; ``without`` gives the
plan as if some citations had never been made.
"""

import copy
import json
import random
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.conflicts import refresh_conflicts
from app.commands.seed_records import SeedWriter
from app.commands.seed_reports import SeedReport
from app.commands.vocabularies import store_vocabulary
from app.db import Sessions, make_engine, make_sessions
from app.models import Citation, Claim, Condition, Document, Passage
from app.replicas import Reads
from app.schemas.seed_checks import read_seed
from app.vocabulary import ClaimStatus, DocumentStatus, Verification, load_vocabulary
from tests.apps import make_app
from tests.conftest import rolled_back
from tests.databases import migrated_database

Seed = dict[str, Any]
FIRST_DAY = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
PASSAGE_LENGTH = 1_000

# Key, label, broader, synonyms, CURIEs. Two have a synonym in common, one has letters
# beyond ASCII, and a label differs from words below by its case only.
CONCEPTS: list[tuple[str, str, list[str], list[str], list[str]]] = [
    ("gene", "gene", [], ["hereditary factor"], ["HGNC:1"]),
    ("mutation", "Mutation", ["gene"], [], ["HGNC:2"]),
    ("deep-mutation", "deep mutation", ["mutation"], ["factor x"], []),
    ("gland", "blocked gland", [], ["factor x"], ["UBERON:0001821"]),
    ("elan", "Élan vital", [], ["ÉLAN"], []),
    ("sun", "sun", [], [], ["MESH:D013472"]),
    ("unknown", "unknown", [], [], []),
    ("rare", "rare", [], ["seldom"], []),
    ("common", "common", [], [], []),
    ("pain", "pain", [], [], ["HP:0012531"]),
    ("itch", "itch", ["pain"], [], []),
    ("laser", "laser", ["treatment"], ["Laser therapy"], []),
    ("treatment", "treatment", [], [], []),
    ("children", "children", ["people"], [], []),
    ("adults", "adults", ["people"], [], []),
    ("people", "people", [], [], []),
    ("mild", "mild", [], [], []),
    ("severe", "severe", [], [], []),
    ("face", "face", [], [], []),
]
ORIGINS = ("gene", "mutation", "deep-mutation", "gland", "elan", "sun", "unknown")
# Question -> the concepts that answer it; None where it is answered otherwise.
QUESTIONS: dict[str, tuple[str, ...] | None] = {
    "cause.origin": ORIGINS,
    "mechanism.lesion_material": ("gland", "elan", "unknown"),
    "risk_factor.factor": ORIGINS,
    "prevalence.frequency": ("rare", "common"),
    "prevalence.rate": None,
    "symptom.reported": ("pain", "itch"),
    "treatment.option": ("laser", "treatment", "sun"),
    "treatment.effect": ("pain", "itch"),
    "location.site": ("face", "gland"),
    "mechanism.pathway": None,
}
WORDS = ("Rare", "blocked by growth", "Élan of its own", "ÉLAN OF ANOTHER")
QUANTITIES: tuple[dict[str, Any], ...] = (
    {"low": 1, "high": 2, "unit": "%", "as_said": "one or two per cent"},
    {"low": 40, "high": 50, "unit": "%", "as_said": "nearly half"},
    {"low": 1, "high": 45, "unit": "%", "as_said": "up to nearly half"},
    {"as_said": "a good few"},
)
# Said in every plan, so that tests can ask for them.
ALWAYS: list[Seed] = [
    {"question": "mechanism.pathway", "words": "Élan of its own"},
    {"question": "mechanism.pathway", "words": "Rare"},
    {"question": "prevalence.frequency", "concept": "rare"},
    {"question": "prevalence.frequency", "concept": "common"},
    {"question": "cause.origin", "concept": "elan"},
    {"question": "cause.origin", "concept": "gene", "scope": {"population": "people"}},
    {"question": "cause.origin", "concept": "mutation", "scope": {"population": "children"}},
    {"question": "risk_factor.factor", "concept": "deep-mutation"},
    {"question": "location.site", "concept": "gland"},
    {"question": "treatment.effect", "concept": "pain", "subject": "treatment"},
    {"question": "treatment.effect", "concept": "pain", "subject": "laser"},
]
CONDITIONS: list[tuple[str, str, list[tuple[str, str]], list[str]]] = [
    ("milia", "Milia", [("milia-syndrome", "Milia syndrome")], ["HP:0001056"]),
    ("acne", "Acne", [("spots", "Spots")], ["MONDO:0011438"]),
    ("warts", "Warts", [], []),
]
# Key, publisher, family, number of passages.
DOCUMENTS: list[tuple[str, str | None, str | None, int]] = [
    ("leaflet", "The Ministry", "official", 3),
    ("blog", None, None, 2),
    ("journal", "The Journal", None, 2),
    ("reprint", "The Ministry", "official", 1),
    ("old", None, "archive", 1),
]
PASSAGES = [f"{key}/p{number}" for key, _, _, count in DOCUMENTS for number in range(1, count + 1)]


@dataclass
class Plan:
    """``statuses``, ``times`` by the key of a claim; ``compared`` says how citations in a
    passage were; documents in ``superseded`` are no longer active."""

    seed: Seed
    statuses: dict[str, ClaimStatus] = field(default_factory=dict)
    times: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    compared: dict[str, Verification] = field(default_factory=dict)
    superseded: frozenset[str] = frozenset()

    def without(self, passages: Collection[str]) -> "Plan":
        """As if nothing in these passages had been cited; claims left with nothing are gone."""
        plan = copy.deepcopy(self)
        for claim in plan.seed["claims"]:
            claim["citations"] = [c for c in claim["citations"] if c["passage"] not in passages]
        plan.seed["claims"] = [claim for claim in plan.seed["claims"] if claim["citations"]]
        return plan


def make_plan(number: int, *, claims: int = 24, conditions: int = 2) -> Plan:
    """Claims over few values, so that they clash; some are not public."""
    chosen = random.Random(number)
    seed: Seed = {
        "format": "claimbase-seed/1",
        "concepts": [_concept(*row) for row in CONCEPTS],
        "conditions": [_condition(*row) for row in CONDITIONS[:conditions]],
        "documents": [_document(*row) for row in DOCUMENTS],
        "claims": list(_claims(chosen, claims, conditions)),
    }
    plan = Plan(seed)
    for claim in seed["claims"]:
        created = FIRST_DAY + timedelta(
            hours=chosen.randrange(120), microseconds=chosen.randrange(9)
        )
        plan.times[claim["key"]] = created, created + timedelta(hours=chosen.choice([0, 1, 40]))
        if int(claim["key"][5:]) >= len(ALWAYS) and chosen.random() < 0.2:
            plan.statuses[claim["key"]] = chosen.choice(
                [ClaimStatus.draft, ClaimStatus.in_review, ClaimStatus.rejected],
            )
    plan.compared = {name: chosen.choice(list(Verification)) for name in PASSAGES}
    plan.superseded = frozenset(["old"] if chosen.random() < 0.3 else [])
    return plan


class Base(NamedTuple):
    """A base of its own, served; what is written with ``sessions`` stays."""

    client: TestClient
    sessions: Sessions
    engine: Engine


_bases = count(1)


@contextmanager
def served(folder: Path, plan: Plan | None = None) -> Iterator[Base]:
    """A new base with the vocabulary and the plan, and a client that follows no redirects."""
    engine = make_engine(migrated_database(f"generated_{next(_bases)}", folder))
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
        store_vocabulary(session, load_vocabulary(), draft)
        finish_change(session, draft)
    if plan is not None:
        with sessions.write.begin() as session:
            write_plan(session, plan)
    app = make_app(sessions)
    with TestClient(app, follow_redirects=False) as client:
        yield Base(client, sessions, engine)
    engine.dispose()


@contextmanager
def serving(base: Base, plan: Plan) -> Iterator[TestClient]:
    """The client of an empty base, with a plan in it until the end."""
    with rolled_back(base.engine) as sessions:
        with sessions.write.begin() as session:
            write_plan(session, plan)
        state = base.client.app.state  # type: ignore[attr-defined]  # FastAPI's
        state.sessions, state.reads = sessions, Reads(sessions)
        try:
            yield base.client
        finally:
            state.sessions, state.reads = base.sessions, Reads(base.sessions)


def write_plan(session: Session, plan: Plan) -> None:
    """In one change, into a base that has the vocabulary and nothing else."""
    vocabulary = load_vocabulary()
    seed = read_seed(json.dumps(plan.seed).encode(), vocabulary)
    draft = ChangeDraft("seed", "a tester", "seed", "For a test.")
    SeedWriter(session, draft, SeedReport(), vocabulary).write(seed)
    session.flush()
    for key, (created, updated) in plan.times.items():
        times = {"created_at": created, "updated_at": updated}
        session.execute(update(Claim).where(Claim.key == key).values(**times))
    for key, status in plan.statuses.items():
        session.execute(update(Claim).where(Claim.key == key).values(status=status))
    for name, verification in plan.compared.items():
        document, _, passage = name.partition("/")
        cited = select(Passage.id).join(Document, Document.id == Passage.document_id)
        cited = cited.where(Document.key == document, Passage.key == passage)
        session.execute(
            update(Citation)
            .where(Citation.passage_id.in_(cited))
            .values(verification=verification)
            .execution_options(synchronize_session=False),
        )
    session.execute(
        update(Document)
        .where(Document.key.in_(plan.superseded))
        .values(status=DocumentStatus.superseded),
    )
    refresh(session, draft)
    finish_change(session, draft)


def refresh(session: Session, draft: ChangeDraft) -> None:
    """The conflicts of every condition, anew."""
    for condition_id, slug in session.execute(select(Condition.id, Condition.slug)).all():
        refresh_conflicts(session, draft, condition_id, slug, load_vocabulary())


def _concept(
    key: str,
    label: str,
    broader: list[str],
    synonyms: list[str],
    curies: list[str],
) -> Seed:
    xrefs = [{"id": curie} for curie in curies]
    words = {"key": key, "label": label, "kind": "symptom" if key == "pain" else "other"}
    return {**words, "broader": broader, "synonyms": synonyms, "xrefs": xrefs}


def _condition(
    slug: str,
    name: str,
    aliases: Iterable[tuple[str, str]],
    curies: Iterable[str],
) -> Seed:
    return {
        "slug": slug,
        "name": name,
        "aliases": [{"slug": alias, "name": written} for alias, written in aliases],
        "xrefs": [{"id": curie} for curie in curies],
    }


def _document(key: str, publisher: str | None, family: str | None, passages: int) -> Seed:
    return {
        "key": key,
        "title": f"The {key}",
        "publisher": publisher,
        "family": family,
        "length": passages * PASSAGE_LENGTH,
        "passages": [
            {
                "key": f"p{number}",
                "start": (number - 1) * PASSAGE_LENGTH,
                "end": number * PASSAGE_LENGTH,
            }
            for number in range(1, passages + 1)
        ],
    }


def _claims(chosen: random.Random, wanted: int, conditions: int) -> Iterable[Seed]:
    seen = set()
    always = [{"condition": "milia", "polarity": "affirms", "scope": {}, **one} for one in ALWAYS]
    for number in range(wanted):
        claim = always[number] if number < len(always) else _claim(chosen, conditions)
        said = json.dumps(claim, sort_keys=True).casefold()
        if said in seen:
            continue
        seen.add(said)
        passages = chosen.sample(PASSAGES, chosen.choice([1, 1, 2, 2, 3, 4]))
        if chosen.random() < 0.2:
            passages.append(passages[0])
        yield claim | {
            "key": f"made/{number}",
            "statement": f"Statement number {number}.",
            "citations": [_citation(chosen, place, name) for place, name in enumerate(passages)],
        }


def _claim(chosen: random.Random, conditions: int) -> Seed:
    question = chosen.choice(list(QUESTIONS))
    values = QUESTIONS[question]
    claim: Seed = {
        "condition": chosen.choice([row[0] for row in CONDITIONS[:conditions]]),
        "question": question,
        "polarity": chosen.choice(["affirms", "affirms", "affirms", "denies"]),
        "scope": {},
    }
    if values is not None:
        claim["concept"] = chosen.choice(values)
    elif question == "prevalence.rate":
        claim["quantity"] = chosen.choice(QUANTITIES)
    else:
        claim["words"] = chosen.choice(WORDS)
    if chosen.random() < 0.25:
        claim["subject"] = chosen.choice(["laser", "sun", "treatment"])
    if chosen.random() < 0.4:
        part, concepts = chosen.choice(
            [
                ("population", ["children", "adults", "people"]),
                ("severity", ["mild", "severe"]),
                ("body_site", ["face"]),
                ("sex", ["people"]),
                ("subtype", ["mild"]),
                ("period", ["severe"]),
            ],
        )
        claim["scope"] = {part: chosen.choice(concepts)}
    return claim


def _citation(chosen: random.Random, place: int, passage: str) -> Seed:
    # At most five to a claim: a passage that is cited twice is never cited at one place.
    start = (int(passage[-1]) - 1) * PASSAGE_LENGTH + chosen.randrange(900) // 5 * 5 + place
    return {
        "passage": passage,
        "start": start,
        "end": start + len("said so"),
        "quote": "said so",
        "certainty": chosen.choice(["asserted", "asserted", "suspected"]),
        "frequency": chosen.choice(["always", "usually", "unspecified", "sometimes", "rarely"]),
        "exclusivity": chosen.choice(["sole", "one_of_several", "unspecified", "unspecified"]),
    }
