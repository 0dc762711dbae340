"""What a SQLite file can meet: full and failing disks, other programs, lost and foreign files."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from app import startup
from app.config import Settings
from app.db import make_engine, make_sessions, sqlite_driver
from app.errors import SeedError
from app.main import create_app
from app.queries.check import check_base
from app.startup import StartupError, opened, prepare
from app.vocabulary import load_vocabulary
from tests.accounts import bearer, key_of
from tests.apps import document
from tests.databases import SERVER
from tests.startup.servers import Ended, run
from tests.torture.storage import run as run_harness
from tests.torture.writers import prepare_small_base

pytestmark = pytest.mark.skipif(SERVER is not None, reason="about a SQLite file")
READS = ("/claims", "/claims/CLM1", "/conditions/milia", "/conflicts", "/health/ready", "/changes")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base and its seed that no test changes."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare_small_base(f"sqlite:///{folder / 'base.db'}", folder)
    return folder


@pytest.fixture
def base(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(prepared / "base.db", tmp_path))


@pytest.fixture
def seed_file(prepared: Path) -> Path:
    return prepared / "small-seed.json"


def _be_impatient(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 50")


@contextmanager
def client_of(base: Path) -> Iterator[TestClient]:
    """A curator's client of the application on this file; faults of ours are answers too."""
    engine = make_engine(f"sqlite:///{base}")
    event.listen(engine, "connect", _be_impatient)
    sessions = make_sessions(engine)
    key = key_of(sessions)
    application = create_app(Settings(), sessions=sessions)
    application.openapi_schema = document()
    with TestClient(application, raise_server_exceptions=False) as client:
        client.headers.update(bearer(key))
        yield client
    engine.dispose()


def edit(client: TestClient, statement: str) -> Any:
    version = client.get("/claims/CLM1").json().get("version", 1)
    body = {"statement": statement, "reason": "A test needs it."}
    return client.patch("/claims/CLM1", json=body, headers={"If-Match": f'"CLM1.{version}"'})


def refused(ended: Ended) -> str:
    """The one sentence on stderr."""
    assert ended.returncode == 1, ended
    assert "Traceback" not in ended.err + ended.out
    [sentence] = ended.err.strip().splitlines()
    return sentence


# The disk


def test_a_disk_that_is_full_or_fails_changes_nothing_and_recovers() -> None:
    outcome = run_harness(step=25)

    assert outcome.faults == []
    assert len(outcome.refused) == 3  # full, a failed write, a failed sync


def test_a_base_that_may_not_grow_is_told_with_507(base: Path) -> None:
    with client_of(base) as client:
        sessions = client.app.state.sessions  # type: ignore[attr-defined] # our own application
        with sessions.write() as session:
            connection = session.connection()
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 6}")
        answers = [edit(client, f"{n} long" * 150) for n in range(40)]

    assert {answer.status_code for answer in answers} == {200, 507}
    assert answers[-1].json()["code"] == "storage-full"


# Other programs


def test_a_lock_that_another_program_holds_is_told_with_503(base: Path) -> None:
    with client_of(base) as client:
        with closing(sqlite_driver.connect(base, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked = edit(client, "While it is locked.")
            reads = {client.get(path).status_code for path in READS}
        freed = edit(client, "After it was locked.")

    assert locked.status_code == 503
    assert locked.headers["Retry-After"] == "1"
    assert reads == {200}
    assert freed.status_code == 200


# What is lost while the service runs


@pytest.mark.parametrize("lost", ["-wal", "-shm", "all"])
def test_files_that_are_deleted_while_it_runs_end_in_no_500(base: Path, lost: str) -> None:
    with client_of(base) as client:
        assert edit(client, "Before.").status_code == 200
        for path in base.parent.glob("base.db*"):
            if lost == "all" or path.name.endswith(lost):
                path.unlink()

        statuses = {client.get(path).status_code for path in READS}
        statuses.add(edit(client, "After.").status_code)

    assert statuses <= {200, 503}


@pytest.mark.parametrize("left", [100, 4_096, 50_000, 120_001])
def test_a_file_cut_short_while_it_runs_ends_in_no_500(base: Path, left: int) -> None:
    with client_of(base) as client:
        content = base.read_bytes()
        with base.open("r+b") as file:
            file.truncate(left)
        statuses = {client.get(path).status_code for path in READS}
        statuses.add(edit(client, "After.").status_code)
        base.write_bytes(content)

    assert statuses <= {200, 404, 503}
    assert 503 in statuses


# What is lost while it is stopped


def test_a_base_without_its_wal_opens_as_it_was_at_the_last_checkpoint(base: Path) -> None:
    copy = base.with_name("copy.db")
    with client_of(base) as client:
        assert edit(client, "In the -wal.").status_code == 200
        shutil.copy(base, copy)

    with opened(f"sqlite:///{copy}") as sessions, sessions.read() as session:
        assert check_base(session, load_vocabulary(), lambda _: None) == []


@pytest.mark.parametrize("left", [100, 4_096, 50_000, -4_096, -1])
def test_a_file_cut_short_is_refused_and_left_as_it_is(
    base: Path, seed_file: Path, left: int
) -> None:
    content = base.read_bytes()[:left]
    base.write_bytes(content)

    with pytest.raises(StartupError, match=r"^The (file|database) .*\.$"):
        prepare(f"sqlite:///{base}", seed_file)

    assert base.read_bytes() == content


def test_an_empty_file_is_no_new_base(
    base: Path, seed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "BUSY_TIMEOUT_MS", 50)
    base.write_bytes(b"")

    with pytest.raises(StartupError, match=r"is empty, which no base is"):
        prepare(f"sqlite:///{base}", seed_file)

    assert base.read_bytes() == b""


def test_a_wal_without_its_base_is_not_written_over(tmp_path: Path, seed_file: Path) -> None:
    log = tmp_path / "base.db-wal"
    log.write_bytes(b"what is left")

    with pytest.raises(StartupError, match=r"base.db-wal is there: put the base back"):
        prepare(f"sqlite:///{tmp_path / 'base.db'}", seed_file)

    assert [path.name for path in tmp_path.iterdir()] == [log.name]


def test_a_base_of_another_application_is_left_as_it_is(tmp_path: Path, seed_file: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite_driver.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    content = file.read_bytes()

    ended = run("serve", database_url=f"sqlite:///{file}", seed_file=seed_file, port=0)
    with pytest.raises(StartupError, match="another application"), opened(f"sqlite:///{file}"):
        pass

    assert "is a database of another application." in refused(ended)
    assert file.read_bytes() == content


# The seed


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"format": "claimbase-seed/9"}'],
    ids=["empty", "cut", "list", "bytes", "format"],
)
def test_a_broken_seed_is_refused_and_changes_nothing(
    base: Path, tmp_path: Path, content: bytes
) -> None:
    before = base.read_bytes()
    seed = tmp_path / "broken.json"
    seed.write_bytes(content)

    with pytest.raises(SeedError):
        prepare(f"sqlite:///{base}", seed)

    assert base.read_bytes() == before


def test_a_seed_cut_short_stops_the_start_with_one_sentence(
    tmp_path: Path, seed_file: Path
) -> None:
    seed = tmp_path / "broken.json"
    seed.write_bytes(seed_file.read_bytes()[:-20])
    url = f"sqlite:///{tmp_path / 'new.db'}"

    assert refused(run("serve", database_url=url, seed_file=seed, port=0))

    assert prepare(url, seed_file) is not None  # nothing of it was loaded
