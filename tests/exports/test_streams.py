"""How exports are written: in one snapshot, in constant memory, and never whole by mistake."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import Sessions, make_engine, make_sessions
from app.exports import Edition, write_export
from app.models import Claim
from app.queries.claim_stream import BATCH, open_stream
from app.queries.view import EVERYTHING
from app.schemas.shared import Format
from app.vocabulary import ClaimStatus, load_vocabulary
from tests.conftest import SEED_FILE
from tests.databases import seeded_database
from tests.exports.bulk import add_claims
from tests.factories import make_claim, set_status
from tests.startup.servers import Server, serving

FEW = 600
OF_A_BATCH = 6  # statements: ids, claims, concepts, citations, flags, conflicts
MEGABYTE = 1_000_000


@pytest.fixture
def own_sessions(tmp_path: Path) -> Iterator[Sessions]:
    """On a seeded base of one's own, for what is really committed."""
    engine = make_engine(seeded_database("exported", tmp_path))
    yield make_sessions(engine)
    engine.dispose()


def written(session: Session, format_: Format) -> Iterator[bytes]:
    vocabulary = load_vocabulary()
    group = format_ is Format.md
    stream = open_stream(session, {}, EVERYTHING, vocabulary, group=group)
    edition = Edition(
        base="https://claimbase.example",
        address="https://claimbase.example/claims/export",
        licence="https://licence.example/",
        disclaimer="No advice.",
        vocabulary=vocabulary,
    )
    return write_export(format_, stream, edition)


def peak_of(session: Session, format_: Format) -> tuple[int, int]:
    """The most memory that was held while writing, and how much was written."""
    tracemalloc.start()
    length = sum(map(len, written(session, format_)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, length


@pytest.mark.parametrize("format_", list(Format))
def test_twice_the_claims_take_no_more_memory(milia_session: Session, format_: Format) -> None:
    add_claims(milia_session, FEW, of="first")
    sum(map(len, written(milia_session, format_)))  # statements are compiled, caches filled
    before, short = peak_of(milia_session, format_)
    add_claims(milia_session, 3 * FEW, of="second")

    after, long = peak_of(milia_session, format_)

    assert long > short * 1.6
    assert after < before * 1.2 + MEGABYTE / 2


def test_an_export_is_of_the_moment_at_which_it_began(own_sessions: Sessions) -> None:
    with own_sessions.read() as session:
        pieces = written(session, Format.jsonl)
        first = next(pieces)
        with own_sessions.write.begin() as writer:
            last = writer.scalars(select(Claim).order_by(Claim.id.desc()).limit(1)).one()
            set_status(writer, last, ClaimStatus.retracted)
            make_claim(writer)
        body = first + b"".join(pieces)

    with own_sessions.read() as session:
        later = b"".join(written(session, Format.jsonl))

    ids = [json.loads(line).get("id") for line in body.splitlines()]
    assert f"CLM{last.id}" in ids
    assert f"CLM{last.id + 1}" not in ids
    trailer, later_trailer = (
        json.loads(each.splitlines()[-1])["trailer"] for each in (body, later)
    )
    assert trailer["change"] == 1
    assert later_trailer["change"] == 3
    assert f'"CLM{last.id + 1}"'.encode() in later


@pytest.mark.parametrize("format_", list(Format))
def test_claims_that_were_not_all_written_are_a_failure(
    milia_session: Session,
    format_: Format,
) -> None:
    pieces = written(milia_session, format_)
    body = next(pieces)
    drop_the_last_claim(milia_session)

    with pytest.raises(Exception, match="not as many claims"):
        body += b"".join(pieces)


def drop_the_last_claim(session: Session) -> None:
    """In the export's own transaction: nobody else could do that to it."""
    last = session.scalars(select(Claim.id).order_by(Claim.id.desc()).limit(1)).one()
    session.execute(text("UPDATE claims SET status = 'draft' WHERE id = :id"), {"id": last})


def looks_whole(body: bytes, format_: Format) -> bool:
    """The rules of decision 0014, as a reader would apply them."""
    if format_ in {Format.json, Format.jsonld}:
        try:
            json.loads(body)
        except ValueError:
            return False
        return True
    if format_ is Format.jsonl:
        try:
            return "trailer" in json.loads(body.rstrip(b"\n").rpartition(b"\n")[2])
        except ValueError:
            return False
    last = body.rstrip(b"\r\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    if format_ is Format.csv:
        number, _, total = last.rpartition(",")[2].partition(" of ")
        return body.endswith(b"\r\n") and number == total
    return last.startswith("End of the export: ") and body.endswith(b".\n")


@pytest.mark.parametrize("format_", list(Format))
def test_a_file_that_was_cut_off_shows_it(milia_session: Session, format_: Format) -> None:
    body = b"".join(written(milia_session, format_))

    assert looks_whole(body, format_)
    places = [0, 1, len(body) // 3, len(body) // 2, *range(len(body) - 60, len(body) - 1)]
    assert [place for place in places if looks_whole(body[:place], format_)] == []


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose last claim cannot be read."""
    url = seeded_database("failing", tmp_path_factory.mktemp("db"))
    engine = make_engine(url)
    with make_sessions(engine).write.begin() as session:
        last = session.scalars(select(Claim.id).order_by(Claim.id.desc()).limit(1)).one()
        # No such severity: the claim cannot be read.
        session.execute(text("UPDATE claims SET severity = 'broken' WHERE id = :id"), {"id": last})
    engine.dispose()
    with serving(database_url=url, seed_file=SEED_FILE) as server:
        server.wait()
        yield server


@pytest.mark.parametrize("format_", list(Format))
def test_a_failure_on_the_way_breaks_the_connection_off(failing: Server, format_: Format) -> None:
    body: list[bytes] = []

    with pytest.raises(httpx.RemoteProtocolError):
        read_into(body, f"{failing.base}/claims/export?format={format_}")

    assert body
    assert not looks_whole(b"".join(body), format_)


def read_into(body: list[bytes], address: str) -> None:
    """What arrives is kept, also if the rest does not."""
    with httpx.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer:
        body.extend(answer.iter_bytes())


def test_the_statements_do_not_grow_with_the_claims_of_a_batch(
    milia: TestClient,
    statements: list[str],
) -> None:
    total = milia.get("/claims").json()["meta"]["total"]
    statements.clear()
    milia.get("/claims/export?format=jsonl&type=prevalence&sort=id")
    few = len(statements)
    statements.clear()

    milia.get("/claims/export?format=jsonl&sort=id")

    batches = -(-total // BATCH)
    assert len(statements) <= few + (batches - 1) * OF_A_BATCH


@pytest.mark.parametrize("format_", list(Format))
def test_nothing_is_written_for_nobody(
    milia: TestClient,
    statements: list[str],
    format_: Format,
) -> None:
    address = f"/claims/export?format={format_}"
    got = milia.get(address)
    whole = len(statements)
    statements.clear()

    head = milia.head(address)
    for_head = len(statements)
    statements.clear()
    again = milia.get(address, headers={"If-None-Match": got.headers["etag"]})

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert again.status_code == 304
    assert for_head <= whole - OF_A_BATCH
    assert len(statements) <= whole - OF_A_BATCH
