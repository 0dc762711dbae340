"""What is asked never becomes SQL text, and what is not public never shows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.search import index_claims
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.models.base import utc_now
from app.schemas.claim_fields import FACETS, SPECS, Kind
from app.vocabulary import (
    Certainty,
    ClaimStatus,
    Exclusivity,
    Frequency,
    Polarity,
    Verification,
)
from tests.api.operations import READS
from tests.generators import Base, make_plan, refresh, served, serving
from tools.fuzz_queries import fuzz

MARKERS = ["zqxmarker", "zqx-marker", "987654", "1987-06-05", "9876543", "9.876e"]
# What we and SQLAlchemy wrote: what is public, formats of days, the wildcards around bound words,
# the setting with which a read begins.
OWN_LITERALS = re.compile(r"'(published|%Y-%m-%d|UTC|YYYY-MM-DD|%|%%|/|)'")
OWN_BEGIN = re.compile(r"^(BEGIN [A-Z ,]+; SET LOCAL statement_timeout = )\d+$")
CANARY = "qxcanary"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("sql"), make_plan(4, claims=40)) as base:
        yield base


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    with served(tmp_path_factory.mktemp("visible")) as base:
        yield base


@contextmanager
def recorded(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def record(*args: object) -> None:
        sent.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", record)


def marked() -> Iterator[str]:
    """Queries with a marker in every value that can hold one, and every other value once."""
    text = {Kind.word: "zqxmarker", Kind.name: "zqxmarker", Kind.number: "987654"}
    for spec in SPECS:
        if spec.kind is Kind.time:
            yield from (f"{spec.name}{operator}=1987-06-05" for operator in ("", "__gte", "__lte"))
            yield f"{spec.name}__lte=1987-06-05T09:08:07Z"
        elif spec.kind in text:
            yield f"{spec.name}={text[spec.kind]}"
            yield f"{spec.name}__not={text[spec.kind]}"
            if spec.kind is Kind.number:
                yield f"{spec.name}__lte={text[spec.kind]}"
        if spec.optional:
            yield f"{spec.name}__missing=true"
    for words in ("zqxmarker", '"zqxmarker zqx"', "-zqxmarker", "zqxmarker*", "blocked -zqxmarker"):
        yield f"q={words}"
        yield f"q={words}&condition=milia&exclude_passage=leaflet/p1"
    for value in ("contradiction", "tension"):
        yield f"severity={value}&severity__not=none&sort=-severity"
        yield f"severity={value}&condition=milia&exclude_document=leaflet&sort=-severity"
    yield "family=zqx-marker"
    yield "type=prevention&polarity=denies&certainty=suspected&frequency=rarely&exclusivity=sole"
    yield "conflict=true&conflict_kind=rival_answers&verification=orphaned"
    yield "condition=milia&exclude_passage=zqxmarker/zqxmarker"
    yield "condition=milia&exclude_document=DOC9876543"
    yield "document=DOC9876543"
    yield "passage=PSG9876543"
    yield "concept=HP:9876543"


def test_no_value_reaches_the_text_of_a_statement(base: Base) -> None:
    with recorded(base.engine) as sent:
        for query in marked():
            for more in (
                "",
                "&facet=value&facet=created_at&facet=conflict",
                "&group_by=type,value",
            ):
                answer = base.client.get(f"/claims?{query}{more}")
                assert answer.status_code in {200, 422}, (query, answer.text)
        node = {"any": [{"value": "zqxmarker"}, {"not": {"publisher": "zqxmarker"}}]}
        base.client.post("/claims/search", json={"filter": node, "q": "zqxmarker"})
        for address in (
            "/conditions?q=zqxmarker&xref=HP:9876543",
            "/concepts?q=zqxmarker&kind=zqx-marker&xref=HP:9876543&broader=zqxmarker",
            "/conflicts?subject=zqxmarker&question=cause.origin&severity=contradiction",
            "/conditions/zqxmarker",
            "/concepts/zqxmarker",
            "/claims/CLM9876543",
            "/conflicts/CNF9876543",
            "/documents/DOC9876543",
        ):
            base.client.get(address)

    assert len(sent) > 300
    for each in sent:
        statement = OWN_BEGIN.sub(r"\1", each)
        assert not [marker for marker in MARKERS if marker in statement], statement
        assert "'" not in OWN_LITERALS.sub("", statement), statement
        assert not re.search(r"[=<>] *-?\d{2,}", statement), statement


def test_cursors_are_bound_values_too(base: Base) -> None:
    first = base.client.get("/claims?limit=1&sort=-updated_at").json()
    with recorded(base.engine) as sent:
        answer = base.client.get(first["page"]["next"])

    assert answer.status_code == 200
    day = first["data"][0]["updated_at"][:10]
    assert not [statement for statement in sent if day in statement]


def hide_claims(session: Session) -> list[str]:
    """Claims of every status that is not public, where they would clash, count and be found."""
    slug = "milia"
    condition = session.scalars(select(Condition.id).where(Condition.slug == slug)).one()
    passages = session.scalars(
        select(Passage.id).join(Document, Document.id == Passage.document_id),
    ).all()
    concepts = dict(session.execute(select(Concept.key, Concept.id)).all())
    now = utc_now()
    made = []
    for number, status in enumerate(ClaimStatus):
        if status is ClaimStatus.published:
            continue
        for value in ("rare", "common", "gene", "sun", None):
            frequency = value in {"rare", "common"}
            words = None if value else f"{CANARY} in words {number}"
            question = "prevalence.frequency" if frequency else "cause.origin"
            claim = Claim(
                key=f"{CANARY}/{status}/{value}",
                condition_id=condition,
                question=question if value else "mechanism.pathway",
                type=(question if value else "mechanism.pathway").partition(".")[0],
                statement=f"A {CANARY} statement.",
                concept_id=concepts[value] if value else None,
                subject_id=concepts["laser"] if number % 2 else None,
                words=words,
                polarity=Polarity.affirms,
                identity=f"{CANARY} {status} {value}",
                status=status,
                passage_count=2,
                document_count=2,
                created_at=now,
                updated_at=now,
                citations=[_citation(passage, place) for place, passage in enumerate(passages)],
            )
            session.add(claim)
            made.append(claim)
    session.flush()
    index_claims(session, [claim.id for claim in made])
    refresh(session, ChangeDraft("person", "a tester", "test", "For a test."))
    return [public_id(Prefix.claim, claim.id) for claim in made]


def _citation(passage: int, place: int) -> Citation:
    return Citation(
        passage_id=passage,
        position=place,
        start=place,
        end=place + len(CANARY),
        quote=CANARY,
        certainty=Certainty.asserted,
        frequency=Frequency.always if place % 2 else Frequency.rarely,
        exclusivity=Exclusivity.sole,
        verification=Verification.unverified,
    )


def public_addresses() -> list[str]:
    """Everything that anyone can read, and every way to count, group and search."""
    lists = ["/claims?limit=100", "/claims?condition=milia&exclude_passage=blog/p1&limit=100"]
    return [
        *(each.address for each in READS),
        *lists,
        *(f"{one}&facet={name}" for one in lists for name in FACETS),
        *(f"{one.partition('limit')[0]}group_by={name}" for one in lists for name in FACETS),
        "/claims?group_by=question,severity",
        *(f"/claims?limit=100&q={words}" for words in (CANARY, "statement", "rare", "said")),
        f"/claims?value={CANARY} in words 0",
        "/claims?sort=-updated_at&limit=100",
        "/claims?concept__missing=true&facet=value",
        "/conflicts?limit=100",
        "/conflicts?status=closed",
        "/conflicts?condition=milia&exclude_passage=blog/p1",
        "/conditions?limit=100",
        "/conditions?conflict=true",
        "/conditions/milia",
        "/conditions/milia?exclude_document=blog",
        "/conditions/milia/matrix",
        "/conditions/milia/matrix?by=document",
        "/conditions/milia/agreement",
        "/conditions/milia/agreement?exclude_document=blog",
        "/concepts?limit=100",
        "/concepts/rare",
        "/concepts/laser",
        "/documents?limit=100",
        *(f"/documents/DOC{number}" for number in range(1, 6)),
    ]


def answers(client: TestClient) -> dict[str, Any]:
    unchanging = [each for each in public_addresses() if "/metrics" not in each]
    return {address: client.get(address) for address in unchanging}


def test_what_is_not_public_shows_nowhere_and_changes_no_count(empty: Base) -> None:
    plan = make_plan(4, claims=40)
    with serving(empty, plan) as client:
        documents = client.get("/documents?limit=100").json()["data"]
        before = answers(client)
        with client.app.state.sessions.write.begin() as session:  # type: ignore[attr-defined]  # FastAPI's
            hidden = hide_claims(session)

        after = answers(client)
        alone = [client.get(f"/claims/{id_}{tail}") for id_ in hidden for tail in ("", ".1")]

    assert len(documents) == 5
    assert len(hidden) == 20
    for address, answer in after.items():
        # Only what was asked may be repeated; below it is compared with the answer before.
        assert CANARY in address or CANARY not in answer.text, address
        assert not [id_ for id_ in hidden if f'"{id_}"' in answer.text], address
        assert answer.status_code == before[address].status_code, address
        told = before[address].text, answer.text
        if answer.status_code == 200:
            assert told[0] == told[1], address
    assert {answer.status_code for answer in alone} <= {404, 410}
    assert not [answer for answer in alone if CANARY in answer.text]


def test_the_same_claims_would_show_and_clash_if_they_were_public(empty: Base) -> None:
    """Otherwise the test above could not fail."""
    with serving(empty, make_plan(4, claims=40)) as client:
        before = client.get("/claims?limit=1").json()["meta"]["total"]
        sessions = client.app.state.sessions  # type: ignore[attr-defined]  # FastAPI's
        with sessions.write.begin() as session:
            hide_claims(session)
            for claim in session.scalars(select(Claim).where(Claim.key.contains("draft"))):
                claim.status = ClaimStatus.published
            refresh(session, ChangeDraft("person", "a tester", "test", "For a test."))

        found = client.get(f"/claims?q={CANARY}&limit=100").json()
        after = client.get("/claims?limit=1").json()["meta"]["total"]

    assert after == before + 5
    assert found["meta"]["total"] == 5
    assert any(row["conflict"] for row in found["data"])


def test_a_thousand_random_queries_are_answered_or_refused(milia_engine: Engine) -> None:
    statuses, wrong = fuzz(milia_engine, 1_000, seed=20_261_122)

    assert wrong == []
    assert statuses[200] > 150
    assert statuses[422] > 150
