"""``kill -9`` at each statement of an upgrade, from every revision, on a base with data.

``python -m tests.torture.migration_kills [--every 1] [--again 1] [--planted]``; the base is SQLite,
or one of the server that ``CLAIMBASE_TEST_DATABASE_URL`` names. Whatever the moment, the base has
to be as it was before; after every ``--again``-th kill it is upgraded as if nothing had been, and
has to become what an upgrade without a kill makes. The planted fault takes away the transaction.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url

from app import db
from app.db import make_engine, make_sessions, sqlite_path, writing
from app.startup import migrate, prepare
from tests.conftest import ROOT
from tests.databases import SERVER, new_database
from tests.startup.servers import PATIENCE
from tests.torture.writers import base_faults, prepare_small_base

# Everything that PostgreSQL knows of a schema, as text.
SCHEMA_OF_POSTGRESQL = (
    (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
        "a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2"
    ),
    (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    ),
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    (
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger "
        "WHERE NOT tgisinternal ORDER BY 1, 2"
    ),
    "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1",
    "SELECT extname FROM pg_extension ORDER BY 1",
)


@dataclass
class Outcome:
    revisions: int = 0  # that an upgrade began at
    kills: int = 0
    again: int = 0  # upgrades after a kill
    at_once: int = 0  # pairs of upgrades
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Pace(NamedTuple):
    """A kill at every ``every``-th statement, and an upgrade again after each ``again`` kills."""

    every: int = 1
    again: int = 1


def run(pace: Pace, *, planted: bool = False) -> Outcome:
    outcome, begun = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory() as name, Upgrader(planted=planted) as upgrader:
        folder = Path(name)
        url = new_database("upgraded", folder)
        seed_file = prepare_small_base(url, folder)
        for revision in _revisions():
            downgrade(url, revision)
            outcome.revisions += 1
            after = _kill_at_each_statement(url, folder, upgrader, pace, outcome)
            if planted and outcome.faults:
                break
            _upgrade_at_once(url, folder, upgrader, after, outcome)
            _check(url, folder, seed_file, outcome)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _revisions() -> Iterator[str]:
    """All but the last, the newest first, and the base without any table."""
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini")).walk_revisions()
    yield from (script.revision for script in list(scripts)[1:])
    yield "base"


def downgrade(url: str, revision: str) -> None:
    with _engine(url) as engine, writing(engine).begin() as connection:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _kill_at_each_statement(
    url: str, folder: Path, upgrader: "Upgrader", pace: Pace, outcome: Outcome
) -> list[str]:
    """The state that an upgrade without a kill makes."""
    before = state(url)
    with _copied(url, folder) as copy:
        with _engine(copy) as engine:
            statements = counted_upgrade(engine)
        after = state(copy)
    # The last kill comes after the last statement, and before the commit.
    left = [*range(1, statements + 1, pace.every), statements + 1]
    while left:
        with _copied(url, folder) as copy:
            for number in left[: pace.again]:
                upgrader.upgrade(copy, number)
                outcome.kills += 1
                outcome.faults += _differences(f"killed at {number}", before, state(copy))
            upgrader.upgrade(copy)
            outcome.again += 1
            outcome.faults += _differences(f"again after {number}", after, state(copy))
        del left[: pace.again]
    return after


def _upgrade_at_once(
    url: str, folder: Path, upgrader: "Upgrader", after: list[str], outcome: Outcome
) -> None:
    with _copied(url, folder) as copy:
        upgrader.upgrade(copy, at_once=2)
        outcome.at_once += 1
        outcome.faults += _differences("two at once", after, state(copy))


def _check(url: str, folder: Path, seed_file: Path, outcome: Outcome) -> None:
    """What came down and up again is a base that can be served and is sound."""
    with _copied(url, folder) as copy:
        prepare(copy, seed_file)
        with _engine(copy) as engine, make_sessions(engine).read() as session:
            outcome.faults += base_faults(session)


def _differences(when: str, expected: list[str], found: list[str]) -> Iterator[str]:
    if found == expected:
        return
    odd = sorted(set(found) ^ set(expected)) or ["the order"]
    yield f"{when}: {len(odd)} lines of the state differ, as {odd[0][:200]}"


# Databases


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _copied(url: str, folder: Path) -> Iterator[str]:
    """The URL of a copy, which is gone afterwards."""
    path = sqlite_path(url)
    if path is not None:
        copy = folder / "copy.db"
        shutil.copyfile(path, copy)
        yield f"sqlite:///{copy}"
        for left in folder.glob("copy.db*"):
            left.unlink()
        return
    assert SERVER is not None
    parsed = make_url(url)
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"{parsed.database}_copy"
    with server.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{parsed.database}"')
    yield parsed.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


# Whose other column is drawn at random by each upgrade.
SHOWN = {"condition_stamps": "condition_id"}


def state(url: str) -> list[str]:
    """The schema and every row, as text."""
    with _engine(url) as engine, engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            return list(_state_of_sqlite(connection))
        return list(_state_of_postgresql(connection))


def _state_of_sqlite(connection: Connection) -> Iterator[str]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
    schema = rows.all()
    yield from map(str, schema)
    for kind, name, _ in schema:
        if kind == "table":
            columns = SHOWN.get(name, "*")
            found = connection.exec_driver_sql(f'SELECT {columns} FROM "{name}"')  # noqa: S608 - names of ours
            yield from sorted(f"{name}: {tuple(row)}" for row in found)


def _state_of_postgresql(connection: Connection) -> Iterator[str]:
    for query in SCHEMA_OF_POSTGRESQL:
        yield from map(str, connection.exec_driver_sql(query))
    tables = connection.exec_driver_sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    )
    for name in tables.scalars().all():
        found = connection.exec_driver_sql(f'SELECT t::text FROM "{name}" t')  # noqa: S608 - a name of ours
        yield from sorted(f"{name}: {row}" for row in found.scalars())


# Upgrades that are killed


def counted_upgrade(engine: Engine, kill_at: int | None = None) -> int:
    """How many statements an upgrade has; it dies before the one of this number, or the commit."""
    number = 0

    def count(*_: object) -> None:
        nonlocal number
        number += 1
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
    migrate(engine)
    return number - 1


class Upgrader:
    """A process that has imported everything, and forks one for each upgrade."""

    def __init__(self, *, planted: bool) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.migration_kills", "--upgrader"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._planted = planted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.communicate(timeout=PATIENCE)

    def upgrade(self, url: str, kill_at: int | None = None, *, at_once: int = 1) -> None:
        """Until the end of all that were begun at once."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        wish = {"url": url, "kill_at": kill_at, "planted": self._planted}
        self._program.stdin.write(json.dumps([wish] * at_once) + "\n")
        self._program.stdin.flush()
        expected = -signal.SIGKILL if kill_at else 0
        codes = json.loads(self._program.stdout.readline())
        # A half upgraded base has other statements, and cannot be upgraded.
        assert self._planted or codes == [expected] * at_once, (codes, wish)


def serve_upgrades() -> None:
    """One line of wishes in, one line of exit codes out."""
    for line in sys.stdin:
        begun = [_forked(wish) for wish in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in begun]
        print(json.dumps(codes), flush=True)


def _forked(wish: dict[str, Any]) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        engine = make_engine(wish["url"])
        if wish["planted"]:
            engine = _without_transactions(engine)
        counted_upgrade(engine, wish["kill_at"])
        engine.dispose()
        code = 0
    except BaseException:  # noqa: BLE001 - a fork, which ends here whatever happens
        if not wish["planted"]:
            traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _without_transactions(engine: Engine) -> Engine:
    """Each statement is committed at once, as it is with the drivers' own ways."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    event.remove(engine, "begin", db._begin_sqlite)  # noqa: SLF001 - to plant a fault
    return engine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="statements from kill to kill")
    parser.add_argument("--again", type=int, default=1, help="kills before an upgrade again")
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    parser.add_argument("--upgrader", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.upgrader:
        serve_upgrades()
        return 0
    outcome = run(Pace(given.every, given.again), planted=given.planted)
    print(
        f"{'sqlite' if SERVER is None else 'postgresql'}: upgrades from {outcome.revisions} "
        f"revisions, {outcome.kills} kills, {outcome.again} upgrades after one, "
        f"{outcome.at_once} pairs at once: {len(outcome.faults)} faults, {outcome.seconds:.0f} s",
    )
    for fault in outcome.faults[:20]:
        print(f"  {fault}")
    return int(bool(outcome.faults) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
