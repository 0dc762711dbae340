"""The change feed: in order, without gaps, and never more than the reader may see."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from app.queries.audit import said_by
from tests.api.curation import REASON, body_of, drafted, moved, patched, tag
from tests.api.operations import walk
from tests.api.sources import Desk, desk_at, done, leaflet, sent

Record = dict[str, Any]
COMPUTED = {
    "claim": {"conflict", "severity", "conflicts", "passage_count", "document_count", "highlights"},
    "concept": {"claims_as_value", "claims_as_subject"},
}
OF_ONE = {"as_of", "withdrawn", "included", "narrower", "links"}


@pytest.fixture
def desk(client: TestClient, sessions: Sessions) -> Desk:
    client.follow_redirects = False
    return desk_at(client, sessions)


def lime(**parts: Any) -> Record:
    return body_of(citations=[{"passage": "leaflet/p1", "locator": "line 1"}], **parts)


def feed(client: TestClient, after: int = 0) -> list[Record]:
    """Every change, by following the pages."""
    found: list[Record] = []
    following: str | None = f"/changes?after={after}&limit=3"
    while following:
        body = done(client.get(following))
        found += body["data"]
        following = body["page"]["next"]
    return found


def events_of(changes: list[Record]) -> list[Record]:
    return [event for change in changes for event in change["events"]]


def mirror_of(changes: list[Record]) -> dict[tuple[str, str], Record]:
    """What a copy holds that knows nothing but the feed."""
    held: dict[tuple[str, str], Record] = {}
    for event in events_of(changes):
        name = (event["record_type"], event["record_id"])
        if event["record"] is None:
            held.pop(name, None)
        else:
            held[name] = event["record"]
    return held


def test_numbers_have_no_gaps_and_events_are_numbered_in_them(desk: Desk) -> None:
    drafted(desk.curator, lime())
    changes = feed(desk.public)

    assert [change["number"] for change in changes] == list(range(1, len(changes) + 1))
    for change in feed(desk.admin):
        ids = [f"{change['number']}.{place + 1}" for place in range(len(change["events"]))]
        assert [event["id"] for event in change["events"]] == ids


def test_a_draft_leaves_nothing_but_the_number_of_its_change(desk: Desk) -> None:
    last = len(feed(desk.public))
    drafted(desk.curator, lime(reason="A secret reason."))

    [change] = feed(desk.public, last)
    [known] = feed(desk.contributor, last)

    assert (change["action"], change["reason"], change["actor"]) == (None, None, None)
    assert change["events"] == []
    assert known["reason"] == "A secret reason."
    assert known["actor"] == "some-curator"
    assert known["events"][0]["record"]["status"] == "draft"


def test_a_withdrawal_is_public_and_what_it_left_is_not(desk: Desk) -> None:
    claim = desk.claim("gene")
    last = len(feed(desk.public))
    moved(desk.curator, claim, "retract", reason="It was misread.")

    [change] = feed(desk.public, last)

    event = change["events"][0]
    assert (event["record_id"], event["action"]) == (claim["id"], "retracted")
    assert event["record"] is None
    assert change["reason"] == "It was misread."
    assert {each["action"] for each in change["events"][1:]} == {"conflict.closed"}


def test_accounts_keys_and_proposals_are_for_those_who_work_with_them(desk: Desk) -> None:
    answer = desk.contributor.patch(
        f"/claims/{desk.claim('gene')['id']}",
        json={"statement": "Some say that it is a gene.", "reason": REASON},
        headers=tag(desk.claim("gene")),
    )
    assert answer.status_code == 202, answer.text

    kinds = {
        name: {event["record_type"] for event in events_of(feed(client))}
        for name, client in desk._asdict().items()
        if isinstance(client, TestClient)
    }

    assert kinds["public"] == kinds["contributor"]
    assert kinds["curator"] - kinds["public"] == {"proposal"}
    assert kinds["admin"] - kinds["curator"] == {"account", "key"}


def test_no_answer_has_a_secret(desk: Desk) -> None:
    assert "clb_" not in json.dumps(feed(desk.admin))
    keys = [e["record"] for e in events_of(feed(desk.admin)) if e["record_type"] == "key"]
    assert all("digest" not in key for key in keys)


def curate(desk: Desk) -> None:
    """Something of everything that can happen."""
    claim = moved(desk.curator, drafted(desk.curator, lime()), "submit")
    claim = moved(desk.curator, claim, "publish")
    patched(desk.curator, claim, statement="Lime is not for milia.")
    moved(desk.curator, desk.claim("common"), "retract")
    gene = moved(desk.curator, desk.claim("gene"), "retract")
    moved(desk.curator, gene, "restore")
    moved(desk.curator, desk.claim("pain"), "retract")
    drafted(desk.curator, body_of("limes", citations=[]))
    done(desk.curator.post("/documents", json=leaflet()), 201)
    done(sent(desk.curator, "POST", desk.document("flyer"), "/status", status="retracted"))
    done(sent(desk.curator, "PATCH", desk.concept("gland"), label="A gland"))
    [conflict] = walk(desk.public, "/conflicts")
    answer = desk.curator.post(
        f"/conflicts/{conflict['id']}/decisions",
        json={"kind": "confirmed", "reason_code": "other", "reason": REASON},
        headers=tag(conflict),
    )
    assert answer.status_code == 200, answer.text


def said(record_type: str, record: Record) -> Record:
    """A record without what is computed, and without the names of what it refers to."""
    left_out = COMPUTED.get(record_type, set()) | OF_ONE
    kept = {name: part for name, part in record.items() if name not in left_out}
    if record_type == "document":
        passages = [dict(part) for part in record["passages"]]
        for part in passages:
            part.pop("citations", None)
        kept["passages"] = passages
    return said_by(record_type, kept)


def test_a_mirror_that_follows_the_feed_equals_the_public_base(desk: Desk) -> None:
    curate(desk)
    public: dict[tuple[str, str], Record] = {}
    for record_type, addresses in {
        "claim": ["/claims?limit=100"],
        "conflict": ["/conflicts?limit=100", "/conflicts?status=closed"],
        "concept": ["/concepts?limit=100"],
    }.items():
        for row in (row for address in addresses for row in walk(desk.public, address)):
            public[record_type, row["id"]] = said(record_type, row)
    for row in walk(desk.public, "/documents"):
        document = done(desk.public.get(f"/documents/{row['id']}"))
        public["document", row["id"]] = said("document", document)

    held = mirror_of(feed(desk.public))

    mirrored = {
        name: said(name[0], record)
        for name, record in held.items()
        if name[0] not in {"condition", "vocabulary"}
    }
    assert mirrored == public


def test_who_stops_anywhere_and_goes_on_from_there_misses_nothing(desk: Desk) -> None:
    curate(desk)
    whole = feed(desk.public)

    for number in range(len(whole) + 1):
        assert feed(desk.public, number) == whole[number:]


def test_json_lines_have_a_change_each(desk: Desk) -> None:
    page = desk.public.get("/changes")

    lines = desk.public.get("/changes", headers={"Accept": "application/jsonl"})

    assert [json.loads(line) for line in lines.text.splitlines()] == page.json()["data"]
    assert lines.headers["content-type"].startswith("application/jsonl")
    assert desk.public.get("/changes?format=jsonl").text == lines.text


def test_the_end_of_the_feed_is_an_empty_page(desk: Desk) -> None:
    last = len(feed(desk.public))

    body = desk.public.get(f"/changes?after={last + 1000}").json()

    assert body["data"] == []
    assert body["page"]["next"] is None
    assert body["meta"]["last"] == last


def test_a_page_that_is_full_of_the_past_is_not_sent_twice(desk: Desk) -> None:
    etag = desk.public.get("/changes?after=0&limit=1").headers["etag"]
    again = {"If-None-Match": etag}

    assert desk.public.get("/changes?after=0&limit=1", headers=again).status_code == 304
    assert desk.curator.get("/changes?after=0&limit=1").headers["etag"] != etag


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/changes?after=-1", {}, 422),
        ("/changes?after=x", {}, 422),
        ("/changes?limit=0", {}, 422),
        ("/changes?format=csv", {}, 422),
        ("/changes", {"Accept": "image/png"}, 406),
        ("/changes", {"Accept": "text/event-stream", "Last-Event-ID": "x"}, 422),
    ],
)
def test_what_cannot_be_followed_is_refused(
    desk: Desk, address: str, headers: dict[str, str], status: int
) -> None:
    assert desk.public.get(address, headers=headers).status_code == status
