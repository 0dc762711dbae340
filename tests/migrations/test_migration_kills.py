"""An upgrade that is killed never was; an old and a new release do not share a base."""

import shutil
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.conftest import ROOT
from tests.databases import SERVER, new_database
from tests.startup.servers import Ended, run, run_release
from tests.torture.migration_kills import Pace, downgrade, state
from tests.torture.migration_kills import run as run_harness
from tests.torture.writers import prepare_small_base

EVERY = 12 if SERVER is None else 60


def refused(ended: Ended) -> str:
    """The one sentence on stderr."""
    assert ended.returncode == 1, ended
    assert "Traceback" not in ended.err + ended.out
    [sentence] = ended.err.strip().splitlines()
    return sentence


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))


def test_an_upgrade_killed_at_any_statement_leaves_nothing_and_can_be_made_again() -> None:
    outcome = run_harness(Pace(every=EVERY, again=4))

    assert outcome.faults == []
    assert outcome.revisions == len(list(scripts().walk_revisions()))


def test_an_upgrade_without_a_transaction_is_found_out() -> None:
    assert run_harness(Pace(every=30, again=4), planted=True).faults != []


def test_an_old_release_refuses_a_newer_base_and_leaves_it(tmp_path: Path) -> None:
    url = new_database("newer", tmp_path)
    seed_file = prepare_small_base(url, tmp_path)
    old = tmp_path / "release"
    for name in ("app", "data", "migrations"):
        shutil.copytree(ROOT / name, old / name)
    shutil.copy(ROOT / "alembic.ini", old)
    newest = next(scripts().walk_revisions())
    (old / "migrations" / "versions" / Path(newest.path).name).unlink()
    before = state(url)

    said = {
        command: refused(run_release(old, command, database_url=url, seed_file=seed_file, port=0))
        for command in ("serve", "seed")
    }

    assert "newer release of Claimbase: start that release." in said["seed"]
    assert "release" in said["serve"]
    assert state(url) == before


def test_a_base_of_an_older_release_is_not_served_before_it_is_upgraded(tmp_path: Path) -> None:
    url = new_database("older", tmp_path)
    prepare_small_base(url, tmp_path)
    downgrade(url, "-1")
    before = state(url)
    # On SQLite the first step of `serve` is the upgrade.
    command = "check" if SERVER is None else "serve"

    sentence = refused(run(command, database_url=url, port=0))

    assert "The database's schema is not this release's: run `python -m app seed`" in sentence
    assert state(url) == before
