"""The past, read again: exactly what was answered then."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.curation import REASON, body_of, drafted, moved, patched, tag
from tests.api.history import as_it_is, as_it_was, last_change, without_moment
from tests.api.sources import Desk, desk_at, done, sent

Record = dict[str, Any]


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    client.follow_redirects = False
    return desk_at(client, sessions)


class Curating:
    """Steps of a curator on whatever is there, in an order that a seed gives."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.random = random.Random(seed)
        self.number = 0

    def steps(self) -> list[Callable[[], None]]:
        """Each kind of step at least once."""
        steps = [
            self.adds,
            self.adds,
            self.edits,
            self.retracts,
            self.restores,
            self.decides,
            self.decides,
            self.changes_the_document,
            self.changes_the_document,
            self.changes_a_concept,
        ]
        return self.random.sample(steps, len(steps))

    def some(self, address: str) -> Record | None:
        rows = self.desk.curator.get(address).json()["data"]
        return self.random.choice(rows) if rows else None

    def adds(self) -> None:
        self.number += 1
        value = self.random.choice(["gene", "gland", "rare", "common", "pain", "unknown"])
        question = self.random.choice(["cause.origin", "prevalence.frequency", "symptom.reported"])
        body = {
            "condition": "milia",
            "question": question,
            "statement": f"Somebody comes to say {value}.",
            "concept": value,
            "scope": {"age_low": self.number},
            "citations": [{"passage": "leaflet/p1", "locator": f"line {self.number}"}],
            "reason": REASON,
        }
        answer = self.desk.curator.post("/claims", json=body)
        if answer.status_code == 201:
            in_review = moved(self.desk.curator, answer.json(), "submit")
            moved(self.desk.curator, in_review, "publish")

    def edits(self) -> None:
        claim = self.some("/claims?condition=milia&limit=100")
        if claim:
            self.number += 1
            statement = f"It comes, number {self.number}."
            patched(self.desk.curator, claim, statement=statement)

    def retracts(self) -> None:
        claim = self.some("/claims?condition=milia&limit=100")
        if claim:
            moved(self.desk.curator, claim, "retract", reason=f"Step {self.number}.")

    def restores(self) -> None:
        for number in range(1, 9):
            claim = self.desk.curator.get(f"/claims/CLM{number}").json()
            if claim.get("status") == "retracted":
                moved(self.desk.curator, claim, "restore")
                return

    def decides(self) -> None:
        conflict = self.some("/conflicts?condition=milia&limit=100")
        if conflict:
            kind = self.random.choice(["confirmed", "explained", "dismissed"])
            answer = self.desk.curator.post(
                f"/conflicts/{conflict['id']}/decisions",
                json={"kind": kind, "reason_code": "other", "reason": REASON},
                headers=tag(conflict),
            )
            assert answer.status_code == 200, answer.text

    def changes_the_document(self) -> None:
        document = self.desk.document()
        [status] = {"active", "retracted"} - {document["status"]}
        done(sent(self.desk.curator, "POST", document, "/status", status=status))

    def changes_a_concept(self) -> None:
        concept = self.some("/concepts?limit=100")
        if concept:
            self.number += 1
            label = f"{concept['key']} {self.number}"
            words: Record = {"label": label, "synonyms": [f"comes {label}"]}
            done(sent(self.desk.curator, "PATCH", concept, **words))


@pytest.mark.parametrize("seed", [1, 2])
def test_every_past_answers_as_it_did_then(desk: Desk, seed: int) -> None:
    curating = Curating(desk, seed)
    answered = {last_change(desk.sessions): as_it_is(desk.public)}
    for step in curating.steps():
        step()
        number = last_change(desk.sessions)
        if number not in answered:
            answered[number] = as_it_is(desk.public)

    for number, known in answered.items():
        assert as_it_was(desk.public, known, number) == known, f"change {number}"
    assert len(answered) > 5
    assert desk.faults() == []


def test_a_time_is_the_last_change_committed_by_then(desk: Desk) -> None:
    [first] = desk.public.get("/claims?condition=milia&limit=1").json()["data"]
    before = last_change(desk.sessions)
    at = desk.public.get(f"/claims/{first['id']}?as_of={before}").json()["as_of"]["at"]
    patched(desk.curator, first, statement="It was said otherwise.")

    then = desk.public.get(f"/claims/{first['id']}?as_of={at}")

    assert then.json()["statement"] == first["statement"]
    assert then.json()["as_of"] == {"change": before, "at": at}
    assert then.headers["claimbase-change"] == str(before)


def test_a_body_can_ask_for_the_past(desk: Desk) -> None:
    number = last_change(desk.sessions)
    [claim] = desk.public.get("/claims?concept=gene").json()["data"]
    moved(desk.curator, claim, "retract")
    body = {"filter": {"condition": ["milia"], "concept": ["gene"]}, "as_of": number}

    answer = desk.public.post("/claims/search", json=body)

    assert [row["id"] for row in answer.json()["data"]] == [claim["id"]]
    assert answer.json()["meta"]["as_of"]["change"] == number


def test_an_export_can_be_of_the_past(desk: Desk) -> None:
    number = last_change(desk.sessions)
    before = desk.public.get("/claims?condition=milia&format=csv")
    [claim] = desk.public.get("/claims?concept=gene").json()["data"]
    moved(desk.curator, claim, "retract")

    then = desk.public.get(f"/claims?condition=milia&format=csv&as_of={number}")

    assert then.headers["claimbase-change"] == str(number)
    assert then.headers["claimbase-total"] == before.headers["claimbase-total"]


def test_a_page_of_the_past_is_continued_in_the_past(desk: Desk) -> None:
    number = last_change(desk.sessions)
    ids = [row["id"] for row in desk.public.get("/claims?condition=milia").json()["data"]]
    first = desk.public.get(f"/claims?condition=milia&limit=2&as_of={number}").json()
    [claim] = desk.public.get("/claims?concept=common").json()["data"]
    moved(desk.curator, claim, "retract")
    seen = [row["id"] for row in first["data"]]

    while first["page"]["next"]:
        first = desk.public.get(first["page"]["next"]).json()
        seen += [row["id"] for row in first["data"]]

    assert seen == ids


def test_what_is_withdrawn_today_is_marked_in_its_past(desk: Desk) -> None:
    number = last_change(desk.sessions)
    claim, other = (
        desk.public.get(f"/claims?concept={key}").json()["data"][0] for key in ("gene", "gland")
    )
    assert desk.public.get(f"/claims/{claim['id']}?as_of={number}").json()["withdrawn"] is None
    moved(desk.curator, claim, "retract", reason="It was misread.", replaced_by=other["id"])

    then = desk.public.get(f"/claims/{claim['id']}?as_of={number}").json()
    version = desk.public.get(f"/claims/{claim['id']}.1").json()

    assert without_moment(then)["status"] == "published"
    assert then["withdrawn"]["reason"] == "It was misread."
    assert then["withdrawn"]["replaced_by"] == other["id"]
    assert version["withdrawn"] == then["withdrawn"]


def test_the_past_after_a_withdrawal_is_a_tombstone(desk: Desk) -> None:
    [claim] = desk.public.get("/claims?concept=gene").json()["data"]
    after = moved(desk.curator, claim, "retract", reason="It was misread.")
    number = last_change(desk.sessions)
    moved(desk.curator, after, "restore")

    then = desk.public.get(f"/claims/{claim['id']}?as_of={number}")

    assert then.status_code == 410
    assert then.json()["reason"] == "It was misread."


def test_a_draft_is_in_no_past(desk: Desk) -> None:
    cited = [{"passage": "leaflet/p1", "locator": "line 1"}]
    claim = drafted(desk.curator, body_of(citations=cited))
    number = last_change(desk.sessions)

    assert desk.public.get(f"/claims/{claim['id']}?as_of={number}").status_code == 404
    assert desk.curator.get(f"/claims/{claim['id']}?as_of={number}").status_code == 200


@pytest.mark.parametrize(
    ("address", "status", "word"),
    [
        ("/claims?as_of=1", 422, "exactly one"),
        ("/claims?condition=nowhere&as_of=1", 422, "condition"),
        ("/conflicts?as_of=1", 422, "exactly one"),
        ("/claims/export?format=csv&as_of=1", 422, "exactly one"),
        ("/conditions/milia?as_of=0", 422, "before the first"),
        ("/conditions/milia?as_of=1999-01-01T00:00:00Z", 422, "before the first"),
        ("/conditions/milia?as_of=9999-01-01T00:00:00Z", 422, "has not come"),
        ("/conditions/milia?as_of=9999999999999999999999999999", 422, "no change of this number"),
        ("/conditions/milia?as_of=yesterday", 422, "offset"),
        ("/conditions/milia?as_of=2026-11-22T18:00:00", 422, "offset"),
        ("/conditions/milia?as_of=1", 404, "no condition"),
        ("/claims/CLM1?as_of=1", 404, "no claim"),
        ("/claims/nonsense?as_of=1", 404, "no claim"),
        ("/conflicts/CNF1?as_of=1", 404, "no conflict"),
        ("/documents/DOC1?as_of=1", 404, "no document"),
        ("/concepts/gene?as_of=1", 404, "no concept"),
    ],
)
def test_a_past_that_cannot_be_read_is_refused_with_the_reason(
    desk: Desk, address: str, status: int, word: str
) -> None:
    answer = desk.public.get(address)

    assert answer.status_code == status, answer.text
    assert word in answer.text


def test_an_alias_of_then_leads_to_the_slug_of_then(desk: Desk) -> None:
    number = last_change(desk.sessions)

    answer = desk.public.get(f"/conditions/milia-syndrome?as_of={number}")

    assert answer.status_code == 308
    assert answer.headers["location"] == f"/conditions/milia?as_of={number}"


def test_a_past_has_the_tag_of_its_own_bytes(desk: Desk) -> None:
    number = last_change(desk.sessions)
    address = f"/conditions/milia?as_of={number}"
    etag = desk.public.get(address).headers["etag"]
    [claim] = desk.public.get("/claims?concept=gene").json()["data"]
    moved(desk.curator, claim, "retract")

    again = desk.public.get(address, headers={"If-None-Match": etag})

    assert again.status_code == 304
    assert desk.public.get("/conditions/milia").headers["etag"] != etag
