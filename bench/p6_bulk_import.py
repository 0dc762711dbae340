"""P6: a bulk import into a new base, against a bare executemany of the very rows that it made.

Both with the same tables, indexes and durability; the bare side has the rows ready made, with
revisions, conflicts and search index, 500 at once in one transaction. ``--url`` of
``python -m bench.p6_bulk_import`` names a PostgreSQL server's database; both bases are made as
databases of it. Memory is compared with that of a tenth of the lines. With ``--without
condition_stamps`` the import has no triggers whose names begin so; SQLite only. With ``--memory
100000 1000000`` each of these is imported, without a bare side, and the most memory told.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Engine,
    Table,
    Text,
    cast,
    create_engine,
    delete,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.vocabularies import store_vocabulary
from app.db import create_sqlite_file, make_engine, make_sessions
from app.models import Model
from app.queries.search import FTS5, TSVECTORS
from app.startup import migrate
from app.vocabulary import load_vocabulary
from bench.bases import base_of, imported, lines_in_a_file
from bench.measuring import Plan, Row, at_least, at_most, seconds_of

ROWS_AT_ONCE = 500
MIB = 1024
AS_TEXT = select(
    TSVECTORS.c.claim_id,
    cast(TSVECTORS.c.document, Text).label("document"),
).subquery()


def measure(plan: Plan) -> list[Row]:
    small = plan.sizes[0]
    found = Compared()
    for _ in range(plan.rounds):
        found.add(small)
    rows = [found.row(small, plan.rounds)]
    if len(plan.sizes) == 1:
        return rows
    middle = plan.sizes[1]
    rest = Compared()
    rest.add(middle)
    rows.append(rest.row(middle, 1))
    report = base_of(plan.sizes[-1], plan.bases).report_file
    if report.exists() and plan.sizes[-1] > middle:
        made = json.loads(report.read_bytes())
        rows.append(_memory(plan.sizes[-1], made, middle, rest.reports[-1]))
    return rows


class Compared:
    """Imports and bare writes of the same rows, in turn."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.bare: list[float] = []
        self.rows = 0

    def add(self, claims: int, url: str | None = None, without: str | None = None) -> None:
        with tempfile.TemporaryDirectory() as named:
            folder = Path(named)
            made = new_base(url, folder, "bench_imported")
            if without is not None:
                drop_triggers(made, without)
            with lines_in_a_file(claims, folder) as file:
                self.reports.append(imported(made, file))
            source, target = make_engine(made), make_engine(new_base(url, folder, "bench_bare"))
            seconds, self.rows = write_bare(source, target)
            self.bare.append(seconds)
            source.dispose()
            target.dispose()

    def row(self, claims: int, rounds: int) -> Row:
        taken = statistics.median(report["seconds"] for report in self.reports)
        bare = statistics.median(self.bare)
        last = self.reports[-1]
        return Row(
            "P6",
            f"bare executemany / import, {claims:,} claims",
            *at_least(0.5, bare / taken),
            {"import": f"{taken:,.1f} s", "bare": f"{bare:,.1f} s"},
            f"{last['lines']:,} lines, {last['lines'] / taken:,.0f} a second; {self.rows:,} rows; "
            f"lock held {last['seconds_locked']:.1f} s; memory {last['memory'] / MIB:,.0f} MiB, "
            f"{last['memory_before'] / MIB:,.0f} before; rounds: {rounds}",
        )


def _memory(large: int, of_large: dict[str, Any], small: int, of_small: dict[str, Any]) -> Row:
    return Row(
        "P6",
        f"memory of an import: {large:,} / {small:,} claims",
        *at_most(1.2, of_large["memory"] / of_small["memory"]),
        {
            f"{claims:,}": f"{report['memory'] / MIB:,.0f} MiB"
            for claims, report in ((small, of_small), (large, of_large))
        },
        f"the process at most; the large one when the base was made, in "
        f"{of_large['seconds']:,.0f} s",
    )


def memory_of(claims: int, url: str | None = None) -> dict[str, Any]:
    """MiB that an import of so many claims has at most, and had before."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        with lines_in_a_file(claims, folder) as file:
            report = imported(new_base(url, folder, "bench_imported"), file)
    return {
        "claims": claims,
        "lines": report["lines"],
        "memory": round(report["memory"] / MIB),
        "before": round(report["memory_before"] / MIB),
        "seconds": round(report["seconds"]),
    }


def new_base(url: str | None, folder: Path, name: str) -> str:
    """The address of a base with tables and vocabulary and nothing else."""
    if url is None:
        made = f"sqlite:///{folder / name}.db"
        create_sqlite_file(made)
    else:
        server = create_engine(url, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        server.dispose()
        made = make_url(url).set(database=name).render_as_string(hide_password=False)
    engine = make_engine(made)
    migrate(engine)
    with make_sessions(engine).write.begin() as session:
        draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
        store_vocabulary(session, load_vocabulary(), draft)
        finish_change(session, draft)
    engine.dispose()
    return made


def drop_triggers(url: str, prefix: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        named = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in connection.execute(text(named)).all():
            if name.startswith(prefix):
                connection.execute(text(f"DROP TRIGGER {name}"))
    engine.dispose()


def write_bare(source: Engine, target: Engine) -> tuple[float, int]:
    """Seconds and number of rows: all that the source has, in one transaction."""
    seconds = 0.0
    number = 0
    with source.connect() as reading, Session(target) as writing:
        for stored in reversed(Model.metadata.sorted_tables):  # what a new base has already
            writing.execute(delete(stored))
        for table, stored in _tables(source):
            rows_of = select(*stored.columns).execution_options(yield_per=ROWS_AT_ONCE)
            for part in reading.execute(rows_of).mappings().partitions(ROWS_AT_ONCE):
                rows = [dict(row) for row in part]
                number += len(rows)
                seconds += seconds_of(partial(writing.execute, table, rows))
        seconds += seconds_of(writing.commit)
    return seconds, number


def _tables(source: Engine) -> Iterator[tuple[Any, Any]]:
    """How to insert into each table, and what to read, in the order of references."""
    for table in Model.metadata.sorted_tables:
        if isinstance(table, Table):
            yield insert(table), table
    if source.dialect.name == "sqlite":
        yield insert(FTS5), FTS5
    else:
        statement = "INSERT INTO fts_claims VALUES (:claim_id, CAST(:document AS tsvector))"
        yield text(statement), AS_TEXT


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--claims", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--url", help="a PostgreSQL database, for the server that it names")
    options.add_argument("--without", help="without the triggers whose names begin so")
    options.add_argument("--memory", type=int, nargs="+", metavar="CLAIMS", help="of imports alone")
    asked = options.parse_args()
    if asked.memory:
        for claims in asked.memory:
            print(memory_of(claims, asked.url), flush=True)
        return
    found = Compared()
    for _ in range(asked.rounds):
        found.add(asked.claims, asked.url, asked.without)
    print(found.row(asked.claims, asked.rounds))


if __name__ == "__main__":
    main()
