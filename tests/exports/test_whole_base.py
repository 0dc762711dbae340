"""The whole base leaves as lines, and another one made of them is the same to the byte."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.commands.preserve import preserve_base
from app.db import Sessions, create_sqlite_file, make_engine, make_sessions
from app.errors import BaseFileError
from app.exports.whole_base import write_base, write_base_file
from app.models import Claim, Revision, SeedLoad
from app.queries.check import check_base
from app.startup import migrate, seed_database
from app.vocabulary import ClaimStatus, load_vocabulary
from tests.accounts import key_of, signed_in
from tests.api.curation import body_of, drafted, moved, published
from tests.commands.imports import import_lines, line_of, small_lines, with_text
from tests.conftest import SEED_FILE
from tests.databases import SERVER, migrated_database, unwritten


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty SQLite base, whatever the other tests run on."""
    url = f"sqlite:///{tmp_path / 'target.db'}"
    create_sqlite_file(url)
    engine = make_engine(url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def new_engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty base of the kind that the tests run on."""
    engine = make_engine(migrated_database("preserved", tmp_path))
    yield engine
    engine.dispose()


def lived_in(sessions: Sessions) -> None:
    """Seeded, imported into, with accounts and keys, versions, texts, and something withdrawn."""
    key_of(sessions)
    import_lines(sessions, [_renamed(line) for line in with_text(small_lines())])
    changed = _renamed(line_of(small_lines(), "pain"))
    import_lines(sessions, [changed | {"statement": "It hurts, they say.", "status": "in_review"}])


def _renamed(line: dict[str, object]) -> dict[str, object]:
    """Beside the seed, which has a condition of this name."""
    written = json.dumps(line)
    for name in ("milia", "gene", "gland", "rare", "common", "pain", "unknown"):
        written = written.replace(f'"{name}"', f'"small-{name}"').replace(
            f'"{name}-syndrome"',
            f'"small-{name}-syndrome"',
        )
        written = written.replace(f'/{name}"', f'/small-{name}"')
    return dict(json.loads(written))


@pytest.fixture
def base(milia_sessions: Sessions) -> Sessions:
    lived_in(milia_sessions)
    return milia_sessions


def export(sessions: Sessions) -> bytes:
    with sessions.read() as session:
        return b"".join(write_base(session))


def preserve(engine: Engine, content: bytes) -> Sessions:
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        preserve_base(session, io.BytesIO(content))
    return sessions


def faults(sessions: Sessions) -> list[str]:
    with sessions.read() as session:
        return check_base(session, load_vocabulary(), lambda _: None)


def test_a_base_made_of_an_export_exports_the_same_bytes(
    base: Sessions,
    new_engine: Engine,
) -> None:
    content = export(base)

    assert export(preserve(new_engine, content)) == content


def test_what_was_made_of_an_export_is_sound(base: Sessions, new_engine: Engine) -> None:
    sessions = preserve(new_engine, export(base))

    assert faults(sessions) == []
    with sessions.read() as session:
        assert unwritten(session) == 0


@pytest.mark.skipif(SERVER is None, reason="from one kind of database to the other")
def test_it_goes_to_the_other_database_and_back(
    base: Sessions,
    new_engine: Engine,
    sqlite_engine: Engine,
) -> None:
    content = export(base)
    on_sqlite = preserve(sqlite_engine, content)

    back = preserve(new_engine, export(on_sqlite))

    assert faults(on_sqlite) == faults(back) == []
    assert export(back) == content


def test_life_goes_on_in_the_new_base(base: Sessions, new_engine: Engine) -> None:
    """New rows get numbers of their own, and the seed is not applied a second time."""
    sessions = preserve(new_engine, export(base))
    with sessions.read() as session:
        loads = session.scalar(select(func.count()).select_from(SeedLoad))
    assert seed_database(sessions, SEED_FILE) is None

    extra = _renamed(line_of(small_lines(), "pain")) | {"key": "more", "words": "More of it."}
    del extra["concept"]
    extra["question"] = "recommendation.advice"
    report = import_lines(sessions, [extra])

    assert report["created"]["claim"] == 1
    assert loads == 1
    assert faults(sessions) == []


def test_drafts_decisions_and_withdrawn_claims_come_along(
    milia: TestClient,
    milia_sessions: Sessions,
    new_engine: Engine,
) -> None:
    curator = signed_in(milia, milia_sessions)
    moved(curator, published(curator, body_of("lime")), "retract")
    drafted(curator, body_of("zinc"))
    content = export(milia_sessions)

    sessions = preserve(new_engine, content)

    assert export(sessions) == content
    assert faults(sessions) == []
    with sessions.read() as session:
        statuses = session.scalars(select(Claim.status).order_by(Claim.id.desc()).limit(2)).all()
    assert statuses == [ClaimStatus.draft, ClaimStatus.retracted]


def test_no_secret_is_in_it(base: Sessions) -> None:
    keys = [json.loads(line)["key"] for line in export(base).splitlines() if b'{"key":' in line[:8]]

    assert keys
    assert all("digest" not in key for key in keys)


def test_the_old_keys_open_nothing_in_the_new_base(base: Sessions, new_engine: Engine) -> None:
    from app.queries.accounts import find_actor  # noqa: PLC0415

    key = key_of(base, name="another")
    sessions = preserve(new_engine, export(base))

    with base.read() as session:
        assert find_actor(session, key) is not None
    with sessions.read() as session:
        assert find_actor(session, key) is None


# What is refused


def cut_off(content: bytes) -> bytes:
    return content.rpartition(b'{"trailer"')[0]


def cut_within_a_line(content: bytes) -> bytes:
    return content[:-100]


def altered(content: bytes) -> bytes:
    return content.replace(b"Loaded the seed", b"Loaded the salt", 1)


def a_line_is_gone(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:5] + lines[6:])


def two_lines_are_swapped(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    lines[4], lines[5] = lines[5], lines[4]
    return b"".join(lines)


def more_behind_the_trailer(content: bytes) -> bytes:
    return content + b'{"text": {}}\n'


def of_another_schema(content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    return header.replace(b'"schema":"', b'"schema":"x') + b"\n" + rest


def of_something_else(_content: bytes) -> bytes:
    return b'{"type": "claim"}\n'


def empty(_content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    "spoil",
    [
        cut_off,
        cut_within_a_line,
        altered,
        a_line_is_gone,
        two_lines_are_swapped,
        more_behind_the_trailer,
        of_another_schema,
        of_something_else,
        empty,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_a_file_that_is_not_whole_and_unaltered_is_refused(
    milia_sessions: Sessions,
    sqlite_engine: Engine,
    spoil: Callable[[bytes], bytes],
) -> None:
    content = spoil(export(milia_sessions))

    with pytest.raises(BaseFileError):
        preserve(sqlite_engine, content)

    with Session(sqlite_engine) as session:
        assert session.scalar(select(func.count()).select_from(Revision)) == 0


def test_a_base_that_is_used_is_not_imported_into(milia_sessions: Sessions) -> None:
    content = export(milia_sessions)

    with milia_sessions.write() as session, pytest.raises(BaseFileError, match="not empty"):
        preserve_base(session, io.BytesIO(content))


# The file


def test_the_file_appears_when_it_is_whole(milia_sessions: Sessions, tmp_path: Path) -> None:
    path = tmp_path / "base.jsonl"

    with milia_sessions.read() as session:
        lines = write_base_file(session, path)

    assert path.read_bytes() == export(milia_sessions)
    assert path.read_bytes().count(b"\n") == lines
    assert [one.name for one in tmp_path.iterdir()] == ["base.jsonl"]


def test_what_was_there_before_stays_if_the_export_fails(tmp_path: Path) -> None:
    path = tmp_path / "base.jsonl"
    path.write_text("before")
    without_tables = make_engine("sqlite://")

    with Session(without_tables) as session, pytest.raises(OperationalError):
        write_base_file(session, path)

    without_tables.dispose()
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["base.jsonl"]
