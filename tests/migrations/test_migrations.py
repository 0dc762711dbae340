"""The schema is made by migrations: one line of them, atomic, and equal to the models."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import sqltypes

from app.db import make_engine
from app.models import Condition, Model
from app.models.base import utc_now
from app.startup import StartupError, migrate
from tests.conftest import ROOT
from tests.databases import SERVER, alembic, migrated_engine, new_database


@pytest.fixture
def new_engine(tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    engine = make_engine(new_database("migrated", tmp_path))
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).get_heads()) == 1


def test_migrations_make_every_table(new_engine: Engine) -> None:
    migrate(new_engine)

    assert set(Model.metadata.tables) <= tables(new_engine)


def test_migrations_and_models_agree(new_engine: Engine) -> None:
    migrate(new_engine)

    alembic(new_engine, "check")


def test_migrating_again_does_nothing(new_engine: Engine) -> None:
    migrate(new_engine)
    before = tables(new_engine)

    migrate(new_engine)

    assert tables(new_engine) == before


def test_the_way_down_and_up_again_ends_where_it_began(new_engine: Engine) -> None:
    migrate(new_engine)
    before = tables(new_engine)

    alembic(new_engine, "downgrade", "base")
    assert tables(new_engine) == set()
    migrate(new_engine)

    assert tables(new_engine) == before
    alembic(new_engine, "check")


def test_a_migration_that_fails_half_way_leaves_nothing(new_engine: Engine) -> None:
    def fail(*arguments: object) -> None:
        if "CREATE TABLE revisions" in str(arguments[2]):
            raise OSError("the plug was pulled")

    event.listen(new_engine, "before_cursor_execute", fail)
    with pytest.raises(OSError, match="the plug was pulled"):
        migrate(new_engine)
    event.remove(new_engine, "before_cursor_execute", fail)

    assert inspect(new_engine).get_table_names() == []
    migrate(new_engine)
    assert "revisions" in tables(new_engine)


def test_a_base_of_a_newer_release_is_refused(new_engine: Engine) -> None:
    migrate(new_engine)
    with new_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))

    with pytest.raises(StartupError, match=r"newer release of Claimbase: start that release\.$"):
        migrate(new_engine)


def test_upgrades_at_once_all_succeed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'at-once.db'}" if SERVER is None else new_database("up", tmp_path)
    program = f"from tests.databases import migrated_engine; migrated_engine({url!r})"
    if SERVER is None:
        program = f"from app.db import create_sqlite_file; create_sqlite_file({url!r}); {program}"

    upgrades = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    said = [upgrade.communicate(timeout=60)[0] for upgrade in upgrades]

    assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], said
    engine = migrated_engine(url)
    alembic(engine, "check")
    engine.dispose()


# Keys sort the same everywhere


SORTED_KEYS = {
    ("concepts", "key"),
    ("conditions", "slug"),
    ("condition_aliases", "slug"),
    ("documents", "key"),
    ("passages", "key"),
    ("claims", "key"),
    ("conflicts", "key"),
}


@pytest.mark.skipif(SERVER is None, reason="SQLite has the order of code points by itself")
def test_keys_have_the_order_of_code_points_on_postgresql(new_engine: Engine) -> None:
    migrate(new_engine)

    inspector = inspect(new_engine)
    for table, name in SORTED_KEYS:
        [column] = [one for one in inspector.get_columns(table) if one["name"] == name]
        assert isinstance(column["type"], sqltypes.String)
        assert column["type"].collation == "C", f"{table}.{name}"


def test_slugs_are_sorted_by_code_points(session: Session) -> None:
    slugs = ["a-z", "a1", "ab", "a-b", "aa", "b"]
    now = utc_now()
    session.add_all(
        Condition(slug=slug, name=slug, created_at=now, updated_at=now) for slug in slugs
    )
    session.flush()

    found = session.scalars(select(Condition.slug).order_by(Condition.slug)).all()

    assert found == sorted(slugs)
