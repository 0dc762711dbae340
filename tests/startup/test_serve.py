"""``python -m app`` as an operator meets it: real processes, real files, real ports."""

import json
import os
import shutil
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.db import make_engine, make_sessions
from app.models import Change, Revision, SeedLoad
from tests.commands.seeds import small_seed
from tests.conftest import ROOT, SEED_FILE
from tests.databases import SERVER, new_database
from tests.startup.servers import Ended, free_port, run, run_release, serving

on_sqlite = pytest.mark.skipif(SERVER is not None, reason="about a SQLite file")
on_postgresql = pytest.mark.skipif(SERVER is None, reason="about PostgreSQL")


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(small_seed()))
    return file


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A base that nobody made yet; on PostgreSQL an empty database."""
    if SERVER is None:
        return f"sqlite:///{tmp_path / 'var' / 'new.db'}"
    return new_database("served", tmp_path)


@pytest.fixture
def seeded_url(url: str, seed_file: Path) -> str:
    ended = run("seed", database_url=url, seed_file=seed_file)
    assert ended.returncode == 0, ended.err
    return url


def counts(url: str) -> tuple[int | None, ...]:
    engine = make_engine(url)
    with make_sessions(engine).read() as session:
        found = tuple(
            session.scalar(select(func.count()).select_from(model))
            for model in (Change, Revision, SeedLoad)
        )
    engine.dispose()
    return found


def refused(ended: Ended) -> str:
    """The one sentence on stderr."""
    assert ended.returncode == 1, ended
    assert "Traceback" not in ended.err + ended.out
    [sentence] = ended.err.strip().splitlines()
    assert sentence.startswith("claimbase: ")
    assert sentence.endswith(".")
    return sentence


# Serving


@on_sqlite
def test_the_first_start_makes_seeds_and_answers(url: str) -> None:
    with serving(database_url=url, seed_file=SEED_FILE) as server:
        server.wait()

        page = server.get("/conditions/milia").json()

    assert page["slug"] == "milia"
    assert page["counts"]["claims"] > 0
    assert counts(url)[0] == 1


def test_a_second_start_changes_no_data(seeded_url: str, seed_file: Path) -> None:
    before = counts(seeded_url)

    with serving(database_url=seeded_url, seed_file=seed_file) as server:
        server.wait()
        assert server.get("/claims").json()["meta"]["total"] == 5

    assert counts(seeded_url) == before


def test_the_addresses_to_open_are_printed(seeded_url: str, seed_file: Path) -> None:
    with serving(database_url=seeded_url, seed_file=seed_file) as server:
        server.wait()
        ended = server.stop()

    for path in ("/", "/conditions/milia", "/docs"):
        assert f"{server.base}{path}" in ended.out


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_service_cleanly(
    seeded_url: str, seed_file: Path, workers: int, sent: signal.Signals
) -> None:
    with serving(database_url=seeded_url, seed_file=seed_file, workers=workers) as server:
        server.wait()
        ended = server.stop(sent)

    assert ended.returncode in {0, -sent, 128 + sent, 1 if sent == signal.SIGINT else 0}
    assert "Traceback" not in ended.out + ended.err
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(server.base.rsplit(":", 1)[1]))) != 0


def test_several_workers_start_together_and_answer(url: str, seed_file: Path) -> None:
    if SERVER is not None:
        assert run("seed", database_url=url, seed_file=seed_file).returncode == 0
    with serving(database_url=url, seed_file=seed_file, workers=3) as server:
        server.wait()

        answers = [server.get("/conditions/milia").status_code for _ in range(30)]

        ended = server.stop()
    assert set(answers) == {200}
    assert "Traceback" not in ended.err
    assert counts(url)[0] == 1


@on_sqlite
def test_two_services_on_one_new_file_both_serve(url: str, seed_file: Path) -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(database_url=url, seed_file=seed_file)) for _ in range(2)
        ]
        for server in servers:
            server.wait()

        totals = [server.get("/claims").json()["meta"]["total"] for server in servers]

    assert totals == [5, 5]
    assert counts(url)[0] == 1


@on_postgresql
def test_on_postgresql_the_seed_is_loaded_before(url: str, seed_file: Path) -> None:
    ended = run("serve", database_url=url, seed_file=seed_file, port=0)

    assert "run `python -m app seed`" in refused(ended)


# One helpful sentence


def test_a_used_port_is_named(url: str, seed_file: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        ended = run("serve", database_url=url, seed_file=seed_file, port=port)

    assert f"Port {port} on 127.0.0.1 cannot be used" in refused(ended)


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_a_directory_is_no_database(tmp_path: Path, seed_file: Path, command: str) -> None:
    ended = run(command, database_url=f"sqlite:///{tmp_path}", seed_file=seed_file, port=0)

    assert f"The database {tmp_path} cannot be opened: Is a directory." in refused(ended)


@pytest.mark.parametrize("command", ["serve", "seed", "check"])
def test_garbage_is_no_database(tmp_path: Path, seed_file: Path, command: str) -> None:
    file = tmp_path / "garbage.db"
    file.write_bytes(b"no database at all, " * 500)

    ended = run(command, database_url=f"sqlite:///{file}", seed_file=seed_file, port=0)

    assert "cannot be used as a database" in refused(ended)
    assert file.read_bytes() == b"no database at all, " * 500


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, seed_file: Path) -> None:
    file = tmp_path / "secret.db"
    file.touch(mode=0o000)

    ended = run("serve", database_url=f"sqlite:///{file}", seed_file=seed_file, port=0)

    assert "Permission denied" in refused(ended)


def test_a_server_that_is_away_is_told(seed_file: Path) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/base"

    ended = run("seed", database_url=away, seed_file=seed_file)

    assert "The database cannot be reached" in refused(ended)


def test_a_broken_seed_is_refused_and_nothing_is_loaded(url: str, seed_file: Path) -> None:
    seed = small_seed()
    seed["claims"][1]["question"] = "no.such"
    seed_file.write_text(json.dumps(seed))

    ended = run("seed", database_url=url, seed_file=seed_file)

    assert "/claims/1/question" in refused(ended)
    assert counts(url) == (0, 0, 0)


def test_a_seed_that_is_not_there_is_named(url: str, tmp_path: Path) -> None:
    ended = run("seed", database_url=url, seed_file=tmp_path / "absent.json")

    assert "absent.json cannot be read" in refused(ended)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "70000"),
        ("workers", "0"),
        ("database_url", "no url"),
        ("database_url", "mysql://somebody:secret@127.0.0.1/base"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(name: str, value: str) -> None:
    given: dict[str, Any] = {name: value}

    sentence = refused(run("serve", **given))

    assert f"The setting CLAIMBASE_{name.upper()} is not valid" in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize("words", ["accounts list", "export", "backup nowhere.db", "check"])
def test_every_command_names_such_a_setting(words: str) -> None:
    sentence = refused(run(*words.split(), workers="many"))

    assert "The setting CLAIMBASE_WORKERS is not valid" in sentence


# The vocabulary


def test_a_base_of_another_vocabulary_is_refused(seeded_url: str, seed_file: Path) -> None:
    engine = make_engine(seeded_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE vocabularies SET digest = 'another'"))
    engine.dispose()

    command = "check" if SERVER is None else "serve"
    ended = run(command, database_url=seeded_url, seed_file=seed_file, port=0)

    assert "is not the vocabulary of the database: run `python -m app seed`" in refused(ended)


def test_loading_the_seed_makes_such_a_base_whole_again(seeded_url: str, seed_file: Path) -> None:
    engine = make_engine(seeded_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE vocabularies SET digest = 'another'"))
    engine.dispose()

    assert run("seed", database_url=seeded_url, seed_file=seed_file).returncode == 0

    ended = run("check", database_url=seeded_url, seed_file=seed_file)
    assert (ended.returncode, ended.out.splitlines()[-1]) == (0, "ok")


def test_a_broken_vocabulary_gets_one_sentence(url: str, seed_file: Path, tmp_path: Path) -> None:
    release = tmp_path / "release"
    for name in ("app", "data", "migrations"):
        shutil.copytree(ROOT / name, release / name)
    shutil.copy(ROOT / "alembic.ini", release)
    (release / "data" / "vocabulary.json").write_text('{"version": 0}')

    ended = run_release(release, "seed", database_url=url, seed_file=seed_file)

    assert "vocabulary.json is no vocabulary: /" in refused(ended)


def test_a_text_that_is_not_utf_8_cannot_be_searched(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(b"\xff")

    assert "is not UTF-8" in refused(run("locate", str(file), "words"))
