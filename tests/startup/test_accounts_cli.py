"""The first account and its key, from the console."""

from pathlib import Path

import pytest

from app.keys import key_id_of
from tests.databases import seeded_database
from tests.startup.servers import run


@pytest.fixture
def url(tmp_path: Path) -> str:
    return seeded_database("accounts_cli", tmp_path)


def test_an_account_and_its_key_are_made_listed_and_revoked(url: str) -> None:
    assert run("accounts", "create", "jane", "--role", "curator", database_url=url).returncode == 0

    made = run("keys", "create", "jane", "--days", "30", database_url=url)

    key_id = key_id_of(made.out.strip())
    assert key_id is not None
    listed = run("accounts", "list", database_url=url).out
    assert "jane  curator" in listed
    assert f"{key_id}  until " in listed
    assert made.out.strip() not in listed
    assert run("keys", "revoke", key_id, database_url=url).returncode == 0
    assert f"{key_id}  revoked " in run("accounts", "list", database_url=url).out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("accounts create Jane --role curator", "small letters"),
        ("keys create nobody", "no account of this name"),
        ("keys revoke abcdefghij", "no key of this id"),
        ("accounts disable nobody", "no account of this name"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(url: str, words: str, sentence: str) -> None:
    ended = run(*words.split(), database_url=url)

    assert ended.returncode == 1
    assert ended.err.startswith("claimbase: ")
    assert ended.err.count("\n") == 1
    assert sentence in ended.err
