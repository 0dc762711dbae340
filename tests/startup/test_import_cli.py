"""``python -m app import`` and ``export`` as an operator meets them."""

import json
from pathlib import Path

import pytest

from tests.commands.imports import line_of, small_lines, written
from tests.commands.seeds import small_seed
from tests.databases import SERVER, new_database
from tests.startup.servers import Ended, run


def empty_url(folder: Path, name: str = "imported") -> str:
    if SERVER is None:
        return f"sqlite:///{folder / name}.db"
    return new_database(name, folder)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A base with a vocabulary and no records."""
    made = empty_url(tmp_path)
    seed = tmp_path / "empty.json"
    kinds = ("concepts", "conditions", "documents", "claims")
    nothing: dict[str, list[object]] = {kind: [] for kind in kinds}
    seed.write_text(json.dumps(small_seed() | nothing))
    assert run("seed", database_url=made, seed_file=seed).returncode == 0
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(written(small_lines()))
    return path


def imported(url: str, *words: object) -> Ended:
    return run("import", *map(str, words), database_url=url)


def test_a_file_is_imported_and_what_was_done_is_told(url: str, file: Path) -> None:
    ended = imported(url, file, "--actor", "jane-doe")

    assert ended.returncode == 0, ended.err
    assert "created 5 claims" in ended.out
    assert "conflicts opened: 2" in ended.out
    assert "change 2" in ended.out
    assert ended.err == ""  # no bar where there is no terminal
    assert run("check", database_url=url).returncode == 0


def test_a_second_time_nothing_is_needed(url: str, file: Path) -> None:
    imported(url, file)

    assert "no change was needed" in imported(url, file).out


def test_a_dry_run_says_so(url: str, file: Path) -> None:
    assert imported(url, file, "--dry-run").out.endswith("dry run: nothing was written\n")
    assert "change 2" in imported(url, file).out


def test_each_fault_is_a_line_and_the_exit_code_is_1(url: str, file: Path) -> None:
    lines = small_lines()
    line_of(lines, "pain")["condition"] = "nothing"
    file.write_bytes(written([*lines, b"{"]))

    ended = imported(url, file)

    assert ended.returncode == 1
    assert ended.err.splitlines()[0] == "line 5 at /condition: there is no condition nothing"
    assert ended.err.splitlines()[1].startswith("line 14: No valid JSON")
    assert ended.err.splitlines()[-1] == "claimbase: 2 faults; nothing was written."


def test_a_file_that_is_not_there_is_one_sentence(url: str, tmp_path: Path) -> None:
    ended = imported(url, tmp_path / "nothing.jsonl")

    assert (ended.returncode, ended.err.count("\n")) == (1, 1)
    assert "cannot be read" in ended.err


def test_a_whole_base_goes_to_another_place_and_back(
    url: str,
    file: Path,
    tmp_path: Path,
) -> None:
    imported(url, file)
    exported, again = tmp_path / "base.jsonl", tmp_path / "again.jsonl"
    other = empty_url(tmp_path, "other")

    assert run("export", str(exported), database_url=url).returncode == 0
    ended = imported(other, exported, "--preserve")
    assert run("export", str(again), database_url=other).returncode == 0

    assert ended.out.startswith("imported 2 changes with ")
    assert again.read_bytes() == exported.read_bytes()
    assert run("check", database_url=other).returncode == 0


def test_a_whole_base_is_not_imported_into_one_that_is_used(
    url: str,
    file: Path,
    tmp_path: Path,
) -> None:
    exported = tmp_path / "base.jsonl"
    run("export", str(exported), database_url=url)
    imported(url, file)

    ended = imported(url, exported, "--preserve")

    assert ended.returncode == 1
    assert "The base is not empty" in ended.err


def test_without_a_file_the_base_is_written_to_stdout(url: str) -> None:
    ended = run("export", database_url=url)

    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert "base" in lines[0]
    assert "trailer" in lines[-1]
