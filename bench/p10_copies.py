"""A large base on PostgreSQL, to time reads on: a small real one, copied beside itself by SQL.

``python -m bench.p10_copies --url postgresql://... --claims 10000 --copies 500``: the generator's
lines are imported as ever into a new database of that server; then every condition with its
claims, citations, conflicts, documents, passages and search tokens is copied that many times less
one, under new ids and keys. Concepts are not copied, nor are changes and revisions (a copy has no
past), nor texts. Indexes are dropped before and made anew after. Nothing can be edited there.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, Engine, create_engine, make_url, text

from app.commands.written import forgotten_claims, write_claims
from app.db import make_engine, make_sessions
from app.startup import WRITTEN_AT_ONCE, prepare
from bench.bases import SEED, import_file, lines_in_a_file

# Each table with its columns that name a row of a copied table.
COPIED = {
    "conditions": {"id": "conditions"},
    "documents": {"id": "documents", "replaced_by_id": "documents"},
    "passages": {"id": "passages", "document_id": "documents"},
    "claims": {"id": "claims", "condition_id": "conditions", "replaced_by_id": "claims"},
    "citations": {"id": "citations", "claim_id": "claims", "passage_id": "passages"},
    "conflicts": {"id": "conflicts", "condition_id": "conditions"},
    "conflict_claims": {"conflict_id": "conflicts", "claim_id": "claims"},
    "fts_claims": {"claim_id": "claims"},
}
# What has to differ between copies, and is text.
NAMES = {"slug", "key"}
COPIES_AT_ONCE = 50


def new_database(server: str, name: str) -> str:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def import_small(url: str, claims: int) -> None:
    prepare(url, SEED)
    with TemporaryDirectory() as folder, lines_in_a_file(claims, Path(folder)) as file:
        import_file(url, file)


def multiply(engine: Engine, copies: int) -> None:
    with engine.begin() as connection, without_indexes(connection):
        steps = {name: _step(connection, name) for name in COPIED if name in _with_ids()}
        for table, references in COPIED.items():
            begun = time.perf_counter()
            for first in range(1, copies, COPIES_AT_ONCE):
                last = min(first + COPIES_AT_ONCE, copies) - 1
                _copy(connection, table, references, steps, (first, last))
            print(f"{table}: {time.perf_counter() - begun:.0f} s", flush=True)
        counted = text("UPDATE claim_counts SET number = number * :copies")
        connection.execute(counted, {"copies": copies})
    _write_out(engine)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _write_out(engine: Engine) -> None:
    """The records of the copies, as the first start after a migration writes them."""
    begun = time.perf_counter()
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        session.execute(
            text(
                "INSERT INTO written_claims (claim_id) SELECT id FROM claims"
                " WHERE NOT EXISTS (SELECT 1 FROM written_claims WHERE claim_id = claims.id)"
            )
        )
        ids = forgotten_claims(session, at_most=WRITTEN_AT_ONCE)
    while ids:
        with sessions.write.begin() as session:
            write_claims(session, ids)
            ids = forgotten_claims(session, after=ids[-1], at_most=WRITTEN_AT_ONCE)
    print(f"written out: {time.perf_counter() - begun:.0f} s", flush=True)


def _with_ids() -> set[str]:
    return {table for table, references in COPIED.items() if "id" in references}


def _step(connection: Connection, table: str) -> int:
    step: int = connection.execute(text(f"SELECT max(id) FROM {table}")).scalar_one()  # noqa: S608 - fixed names
    return step


def _copy(
    connection: Connection,
    table: str,
    references: dict[str, str],
    steps: dict[str, int],
    copies: tuple[int, int],
) -> None:
    """The copies of these numbers, of the first rows of the table."""
    columns = connection.execute(
        text(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = :table ORDER BY ordinal_position"
        ),
        {"table": table},
    ).scalars()
    values = {}
    for name in columns:
        if name in references:
            values[name] = f'"{name}" + number * {steps[references[name]]}'
        elif name in NAMES:
            values[name] = f"\"{name}\" || '-' || number"
        elif name == "identity":
            values[name] = "md5(identity || number) || md5(number || identity)"
        else:
            values[name] = f'"{name}"'
    own, target = next((column, steps[of]) for column, of in references.items())
    into = ", ".join(f'"{name}"' for name in values)
    connection.execute(
        text(
            f"INSERT INTO {table} ({into}) SELECT {', '.join(values.values())}"  # noqa: S608 - names of the schema
            f" FROM {table}, generate_series({copies[0]}, {copies[1]}) AS number"
            f' WHERE "{own}" <= {target}'
        )
    )


@contextmanager
def without_indexes(connection: Connection) -> Iterator[None]:
    """Neither indexes but those of primary keys, nor triggers, nor the checks of references."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
    unique = connection.execute(
        text(
            "SELECT conrelid::regclass::text AS of, conname AS name,"
            " pg_get_constraintdef(oid) AS written FROM pg_constraint WHERE contype = 'u'"
            " AND conrelid::regclass::text = ANY(:tables)"
        ),
        {"tables": list(COPIED)},
    ).all()
    for row in unique:
        connection.execute(text(f'ALTER TABLE {row.of} DROP CONSTRAINT "{row.name}"'))
    indexes = connection.execute(
        text(
            "SELECT indexname AS name, indexdef AS written FROM pg_indexes"
            " WHERE tablename = ANY(:tables) AND indexname NOT IN"
            " (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))"
        ),
        {"tables": list(COPIED)},
    ).all()
    for row in indexes:
        connection.execute(text(f'DROP INDEX "{row.name}"'))
    yield
    begun = time.perf_counter()
    for row in indexes:
        connection.execute(text(row.written))
    for row in unique:
        connection.execute(text(f'ALTER TABLE {row.of} ADD CONSTRAINT "{row.name}" {row.written}'))
    print(f"indexes: {time.perf_counter() - begun:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="a server on which a database may be made")
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--copies", type=int, default=500)
    given = parser.parse_args()
    url = new_database(given.url, f"claimbase_{given.claims}_{given.copies}")
    import_small(url, given.claims)
    engine = make_engine(url)
    multiply(engine, given.copies)
    engine.dispose()
    print(url)


if __name__ == "__main__":
    main()
