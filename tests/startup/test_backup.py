"""Backups are whole or they are none, also under load, when killed, and with one byte changed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from app.backups import BackupError, back_up, manifest_path, restore, verify
from app.db import make_engine, make_sessions
from app.models import Change
from app.queries.check import check_base
from app.startup import prepare
from app.vocabulary import load_vocabulary
from tests.accounts import key_of
from tests.conftest import ROOT, SEED_FILE
from tests.databases import SERVER
from tests.startup.servers import PATIENCE, run, settings
from tests.torture.backups import run as run_harness

on_sqlite = pytest.mark.skipif(SERVER is not None, reason="about SQLite")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with the seed that no test changes."""
    path = tmp_path_factory.mktemp("base") / "base.db"
    prepare(f"sqlite:///{path}", SEED_FILE)
    return path


@pytest.fixture
def url(seeded: Path, tmp_path: Path) -> str:
    """A base with the seed, of the test's own."""
    path = tmp_path / "base.db"
    path.write_bytes(seeded.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "one.db"


@pytest.fixture(autouse=True)
def folder(file: Path) -> Path:
    file.parent.mkdir()
    return file.parent


def faults_of(url: str) -> list[str]:
    engine = make_engine(url)
    with make_sessions(engine).read() as session:
        faults = check_base(session, load_vocabulary(), lambda _: None)
    engine.dispose()
    return faults


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


# What an operator does


@on_sqlite
def test_a_base_is_backed_up_verified_restored_and_checked(
    url: str, file: Path, tmp_path: Path
) -> None:
    new = f"sqlite:///{tmp_path / 'new' / 'base.db'}"

    made = run("backup", str(file), database_url=url)
    verified = run("backup", "--verify", str(file), database_url=url)
    restored = run("restore", str(file), database_url=new)
    checked = run("check", database_url=new)

    assert [each.returncode for each in (made, verified, restored, checked)] == [0, 0, 0, 0]
    assert "is whole" in made.out
    assert "is whole" in verified.out
    assert "python -m app check" in restored.out
    assert checked.out.endswith("ok\n")


@on_sqlite
def test_the_manifest_says_what_the_backup_is(url: str, file: Path) -> None:
    back_up(url, file)

    manifest = json.loads(manifest_path(file).read_text())
    assert manifest["size"] == file.stat().st_size
    assert len(manifest["sha256"]) == 64
    assert manifest["last_change"]["number"] == 1
    assert len(manifest["last_change"]["digest"]) == 64
    assert manifest["counts"]["claims"] > 0
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in file.parent.iterdir()) == [
        file.name,
        manifest_path(file).name,
    ]


@on_sqlite
def test_a_restored_base_is_in_wal_mode(url: str, file: Path, tmp_path: Path) -> None:
    back_up(url, file)
    restore(file, f"sqlite:///{tmp_path / 'new.db'}")

    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@on_sqlite
@pytest.mark.parametrize("name", ["one.db", "one.db.manifest.json"])
def test_what_is_there_already_is_never_written_over(url: str, file: Path, name: str) -> None:
    (file.parent / name).write_text("mine")

    with pytest.raises(BackupError, match="is there already"):
        back_up(url, file)

    assert [path.read_text() for path in file.parent.iterdir()] == ["mine"]


@on_sqlite
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_nothing_is_restored_over_a_base_or_what_is_left_of_one(
    url: str, file: Path, tmp_path: Path, suffix: str
) -> None:
    back_up(url, file)
    (tmp_path / f"new.db{suffix}").write_text("mine")

    with pytest.raises(BackupError, match="is there already"):
        restore(file, f"sqlite:///{tmp_path / 'new.db'}")

    assert [path.read_text() for path in tmp_path.glob("new.db*")] == ["mine"]


@on_sqlite
def test_a_base_that_is_not_there_is_not_made_by_a_backup(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="There is no base"):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", file)

    assert not (tmp_path / "none.db").exists()


@on_sqlite
@pytest.mark.parametrize("content", [b"", b"no database" * 1000], ids=["empty", "words"])
def test_a_foreign_file_is_not_backed_up(file: Path, tmp_path: Path, content: bytes) -> None:
    foreign = tmp_path / "foreign.db"
    foreign.write_bytes(content)

    with pytest.raises(BackupError):
        back_up(f"sqlite:///{foreign}", file)

    assert list(file.parent.iterdir()) == []


@on_sqlite
def test_a_folder_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"):
        back_up(url, tmp_path / "none" / "one.db")


@pytest.mark.parametrize(
    "step",
    [back_up, lambda url, file: restore(file, url)],
    ids=["backup", "restore"],
)
def test_postgresql_is_told_its_own_tools(step: Callable[[str, Path], object], file: Path) -> None:
    with pytest.raises(BackupError, match=r"pg_dump .*python -m app export"):
        step("postgresql://somebody@127.0.0.1:1/base", file)


# Damage


@on_sqlite
@pytest.mark.parametrize("part", [0.0, 0.0001, 0.1, 0.33, 0.5, 0.77, 0.999_999])
def test_one_flipped_bit_of_the_copy_is_found(
    url: str, file: Path, tmp_path: Path, part: float
) -> None:
    back_up(url, file)
    flip(file, int(file.stat().st_size * part))

    with pytest.raises(BackupError, match="SHA-256 differs"):
        verify(file)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        restore(file, f"sqlite:///{tmp_path / 'new.db'}")
    assert list(tmp_path.glob("new.db*")) == []


@on_sqlite
def test_one_flipped_bit_anywhere_in_the_manifest_is_found(url: str, file: Path) -> None:
    back_up(url, file)
    path = manifest_path(file)
    for place in range(path.stat().st_size):
        flip(path, place)
        with pytest.raises(BackupError, match="not as it was written"):
            verify(file)
        flip(path, place)

    verify(file)


@on_sqlite
@pytest.mark.parametrize(
    "change", [lambda text: text[:-1], lambda text: text + b"\0"], ids=["shorter", "longer"]
)
def test_another_length_is_found(url: str, file: Path, change: Callable[[bytes], bytes]) -> None:
    back_up(url, file)
    file.write_bytes(change(file.read_bytes()))

    with pytest.raises(BackupError, match="bytes instead of"):
        verify(file)


@on_sqlite
def test_a_copy_without_its_manifest_is_refused(url: str, file: Path, tmp_path: Path) -> None:
    back_up(url, file)
    manifest_path(file).unlink()

    ended = run("restore", str(file), database_url=f"sqlite:///{tmp_path / 'new.db'}")

    assert ended.returncode == 1
    assert ended.err.count("\n") == 1
    assert "has no manifest" in ended.err
    assert list(tmp_path.glob("new.db*")) == []


@on_sqlite
def test_a_damaged_base_gives_no_backup(url: str, file: Path) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("UPDATE revisions SET change = 99")

    with pytest.raises(BackupError, match="a row refers to one that is not there"):
        back_up(url, file)

    assert list(file.parent.iterdir()) == []


# The moment that it fails


@on_sqlite
@pytest.mark.parametrize("failing", range(5))
def test_a_disk_that_fails_at_any_sync_leaves_nothing_that_looks_good(
    url: str, file: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    real = os.fsync

    def fail_once(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise OSError(5, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    if failing == 4:  # there are four
        back_up(url, file)
        assert calls == 4
        return
    with pytest.raises(BackupError, match="Input/output error"):
        back_up(url, file)

    with pytest.raises(BackupError):
        verify(file)
    assert not file.exists()


@pytest.fixture
def large(url: str) -> str:
    """A base whose copy takes a while."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("CREATE TABLE filler (content BLOB)")
        connection.executemany("INSERT INTO filler VALUES (randomblob(1000000))", [()] * 60)
    return url


@pytest.fixture
def backing_up(large: str, file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "app", "backup", str(file)],
        cwd=ROOT,
        env=settings(database_url=large),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


@on_sqlite
def test_a_backup_killed_in_the_middle_leaves_nothing_that_looks_good(
    backing_up: "subprocess.Popen[bytes]", large: str, file: Path, tmp_path: Path
) -> None:
    give_up_at = time.monotonic() + PATIENCE
    while not any(path.stat().st_size > 0 for path in file.parent.glob("*.part")):
        assert time.monotonic() < give_up_at
        time.sleep(0.001)
    backing_up.send_signal(signal.SIGKILL)
    assert backing_up.wait() == -signal.SIGKILL

    left = list(file.parent.iterdir())
    assert left
    new = f"sqlite:///{tmp_path / 'new.db'}"
    for path in [file, *left]:
        with pytest.raises(BackupError):
            verify(path)
        with pytest.raises(BackupError):
            restore(path, new)
    assert not (tmp_path / "new.db").exists()
    back_up(large, file)  # what is left is not in the way
    restore(file, new)


# Under load


@on_sqlite
def test_each_backup_under_load_is_one_committed_state(
    url: str, file: Path, tmp_path: Path
) -> None:
    engine = make_engine(url)
    sessions = make_sessions(engine)
    committed: list[tuple[int, str]] = []
    is_enough = threading.Event()

    def write() -> None:
        number = 0
        while not is_enough.is_set():
            key_of(sessions, name=f"writer-{number}")
            number += 1
            with sessions.read() as session:
                last = select(Change.number, Change.digest).order_by(Change.number.desc())
                latest, of_it = session.execute(last.limit(1)).one()
                committed.append((latest, of_it))

    writer = threading.Thread(target=write)
    writer.start()
    found = []
    try:
        for number in range(4):
            awaited = len(committed) + 2
            while len(committed) < awaited:
                assert writer.is_alive()
                time.sleep(0.001)
            acknowledged = committed[-1][0]
            last = back_up(url, file.with_name(f"{number}.db"))["last_change"]
            found.append((acknowledged, last["number"], last["digest"]))
    finally:
        is_enough.set()
        writer.join()
        engine.dispose()

    for number, (acknowledged, last, digest) in enumerate(found):
        assert (last, digest) in committed
        assert last >= acknowledged
        new = f"sqlite:///{tmp_path / f'new-{number}.db'}"
        restore(file.with_name(f"{number}.db"), new)
        assert faults_of(new) == []


@on_sqlite
def test_the_harness_finds_nothing_and_a_planted_fault() -> None:
    sound, planted = run_harness(5), run_harness(2, planted=True)

    assert sound.faults == []
    assert (sound.backups, sound.flipped, sound.killed) == (5, 10, 5)
    assert planted.faults
