"""Cursors: bound to their list, refused when damaged, and a walk that returns each row once."""

import base64
import string
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert
from sqlalchemy.orm import Session

from app.errors import InvalidCursorError
from app.models import Change, Claim, Concept, Revision
from app.models.base import utc_now
from app.queries.pages import (
    Listing,
    Order,
    PageAt,
    list_fingerprint,
    read_cursor,
    read_slice,
    write_cursor,
)
from tests.conftest import rolled_back

TEXT, NUMBER, TIME = Order(Concept.key, str), Order(Claim.id), Order(Claim.created_at, datetime)
HERE = list_fingerprint("/concepts", {"kind": ["gene"]})


def test_a_cursor_gives_back_its_position() -> None:
    assert read_cursor(HERE, write_cursor(HERE, ["a\u00e9", 7]), (TEXT, NUMBER)) == ["a\u00e9", 7]


def test_a_cursor_gives_back_a_time() -> None:
    moment = datetime(2026, 11, 22, 18, 30, 0, 7, tzinfo=UTC)

    assert read_cursor(HERE, write_cursor(HERE, [moment]), (TIME,)) == [moment]


@pytest.mark.parametrize(
    "elsewhere",
    [
        list_fingerprint("/claims", {"kind": ["gene"]}),
        list_fingerprint("/concepts", {"kind": ["drug"]}),
        list_fingerprint("/concepts", {}),
    ],
)
def test_a_cursor_of_another_list_is_refused(elsewhere: str) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(elsewhere, write_cursor(HERE, ["a"]), (TEXT,))


@given(cursor=st.text(alphabet=string.printable, max_size=60))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(HERE, cursor, (TEXT,))


@given(place=st.integers(0, 30), letter=st.sampled_from(string.ascii_letters))
def test_a_cursor_with_another_letter_is_refused(place: int, letter: str) -> None:
    cursor = write_cursor(HERE, ["some-concept-key"])
    assert len(cursor) > 31
    changed = cursor[:place] + letter + cursor[place + 1 :]
    if changed == cursor:
        return

    with pytest.raises(InvalidCursorError):
        read_cursor(HERE, changed, (TEXT,))


@pytest.mark.parametrize(
    ("position", "kinds"),
    [
        ([7], (str,)),
        (["a"], (int,)),
        ([True], (int,)),
        ([None], (str,)),
        ([1.5], (int,)),
        ([], (int,)),
        ([1, 2], (int,)),
        ([2**63], (int,)),
        ([-(10**30)], (int,)),
        (["a\x00"], (str,)),
        (["\ud800"], (str,)),
        (["yesterday"], (datetime,)),
        ([7], (datetime,)),
    ],
    ids=str,
)
def test_a_forged_position_is_refused(position: list[object], kinds: tuple[type, ...]) -> None:
    with pytest.raises(InvalidCursorError):
        read_cursor(HERE, write_cursor(HERE, position), [Order(Claim.id, kind) for kind in kinds])


def test_a_forged_position_that_is_nested_deeply_is_refused() -> None:
    position: list[object] = []
    for _ in range(700):
        position = [position]

    with pytest.raises(InvalidCursorError):
        read_cursor(HERE, write_cursor(HERE, position), (NUMBER,))


@pytest.mark.parametrize("path", ["/claims", "/concepts", "/conflicts"])
def test_a_tampered_cursor_is_a_400(milia: TestClient, path: str) -> None:
    cursor = milia.get(path, params={"limit": 1}).json()["page"]["next_cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-1] ^= 1
    tampered = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")

    answer = milia.get(path, params={"limit": 1, "cursor": tampered})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


def test_a_cursor_of_other_filters_is_a_400(milia: TestClient) -> None:
    first = milia.get("/claims", params={"limit": 1, "type": "cause"}).json()
    cursor = first["page"]["next_cursor"]

    answer = milia.get("/claims", params={"limit": 1, "type": "symptom", "cursor": cursor})

    assert answer.status_code == 400


def add_concepts(session: Session, keys: list[str]) -> None:
    now = utc_now()
    session.execute(
        insert(Concept),
        [
            {"key": key, "label": key, "kind": "x", "created_at": now, "updated_at": now}
            for key in keys
        ],
    )


def walk(session: Session, limit: int) -> list[int]:
    listing = Listing("/concepts", {}, Concept.id, (Order(Concept.key, str),))
    found: list[int] = []
    cursor = None
    while True:
        page = read_slice(session, listing, [], PageAt(limit, cursor))
        found += page.ids
        cursor = page.next_cursor
        if cursor is None:
            return found


@settings(max_examples=60, deadline=None)
@given(
    keys=st.sets(st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,3})?", fullmatch=True), max_size=25),
    limit=st.integers(1, 7),
)
def test_a_walk_returns_each_row_once_and_in_the_order_of_code_points(
    empty_engine: Engine,
    keys: set[str],
    limit: int,
) -> None:
    with rolled_back(empty_engine) as sessions, sessions.write() as session:
        for model in (Revision, Claim, Concept):
            session.execute(delete(model))
        if keys:
            add_concepts(session, sorted(keys, key=hash))

        found = walk(session, limit)

        named = [session.get_one(Concept, id_).key for id_ in found]
    assert named == sorted(keys)


def test_rows_that_come_and_go_do_not_disturb_the_others(session: Session) -> None:
    add_concepts(session, ["b", "d", "f", "h"])
    listing = Listing("/concepts", {}, Concept.id, (Order(Concept.key, str),))
    first = read_slice(session, listing, [], PageAt(2))
    session.execute(delete(Concept).where(Concept.key == "d"))
    add_concepts(session, ["a", "c", "e"])

    second = read_slice(session, listing, [], PageAt(10, first.next_cursor))

    keys = [session.get_one(Concept, id_).key for id_ in second.ids]
    assert keys == ["e", "f", "h"]


def test_the_total_counts_the_whole_list(milia: TestClient, milia_session: Session) -> None:
    page = milia.get("/claims", params={"limit": 2}).json()

    assert page["meta"]["total"] == milia_session.query(Claim).count()
    assert milia_session.query(Change).count() == 1
