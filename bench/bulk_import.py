"""How fast a bulk import is, as a part of what a bare executemany of the same rows takes.

``python -m bench.bulk_import --claims 10000``: makes that many lines (50 claims for each
condition, 1.5 citations for each claim, about 3 % in conflict, words as frequent as in
language), imports them into a new base in a process of its own, reads every row back, and
writes those rows, ready made, into another new base with the same tables, indexes and
durability. ``--url`` names a PostgreSQL server's database that may be used up; both bases are
made as databases of it. Prints lines per second, peak memory, the seconds that the lock was
held, and the ratio. Nothing is judged.
"""

import argparse
import gc
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, Text, cast, create_engine, insert, make_url, select, text
from sqlalchemy.orm import Session

from app.bulk import Importer, run_import
from app.commands.changes import ChangeDraft, finish_change
from app.commands.vocabularies import store_vocabulary
from app.db import create_sqlite_file, make_engine, make_sessions
from app.models import Model
from app.queries.search import FTS5, TSVECTORS
from app.startup import migrate
from app.vocabulary import load_vocabulary

CLAIMS_OF_A_CONDITION = 50
CLAIMS_OF_A_DOCUMENT = 40
CLASHING = 0.75  # of the conditions have one pair: 3 % of the claims
PASSAGES = 10
PASSAGE_LENGTH = 1_200
OPEN = ("symptom.reported", "treatment.option", "risk_factor.factor", "location.site")
ROWS_AT_ONCE = 500
AS_TEXT = select(
    TSVECTORS.c.claim_id,
    cast(TSVECTORS.c.document, Text).label("document"),
).subquery()


class Language:
    """Words with the frequencies of Zipf's law, the same for the same number."""

    def __init__(self, number: int) -> None:
        self.chosen = random.Random(number)  # noqa: S311 - nothing is guarded by it
        letters = "abcdefghiklmnoprstuv"
        self._words = [
            "".join(self.chosen.choices(letters, k=self.chosen.randint(3, 10)))
            for _ in range(20_000)
        ]
        self._weights = [1 / rank for rank in range(1, len(self._words) + 1)]
        self._drawn: list[str] = []

    def words(self, number: int) -> str:
        if len(self._drawn) < number:
            self._drawn = self.chosen.choices(self._words, self._weights, k=50_000)
        taken, self._drawn = self._drawn[:number], self._drawn[number:]
        return " ".join(taken)


def lines(claims: int) -> Iterator[dict[str, Any]]:
    language = Language(7)
    chosen = language.chosen
    concepts = [f"concept-{number}" for number in range(max(200, claims // 50))]
    for number, key in enumerate(["rare", "common", "unknown", *concepts]):
        label = f"{language.words(2)} {number}"
        yield {"type": "concept", "key": key, "label": label, "kind": "special"}
    document = 0
    text = ""
    for number in range(claims):
        condition = f"condition-{number // CLAIMS_OF_A_CONDITION}"
        place = number % CLAIMS_OF_A_CONDITION
        if place == 0:
            yield {"type": "condition", "slug": condition, "name": language.words(2)}
            clashes = chosen.random() < CLASHING
        if number % CLAIMS_OF_A_DOCUMENT == 0:
            document += 1
            text = language.words(PASSAGES * PASSAGE_LENGTH // 5).ljust(PASSAGES * PASSAGE_LENGTH)
            text = text[: PASSAGES * PASSAGE_LENGTH]
            yield _document(document, text)
        cited = [_citation(chosen, document, text) for _ in range(chosen.choice([1, 2]))]
        value = {"question": chosen.choice(OPEN), "concept": f"concept-{number % len(concepts)}"}
        if clashes and place < 2:  # noqa: PLR2004 - the pair
            value = {"question": "prevalence.frequency", "concept": ["rare", "common"][place]}
        yield {
            "type": "claim",
            "key": f"bench/{number}",
            "condition": condition,
            **value,
            "statement": language.words(12),
            "citations": cited,
        }


def _document(number: int, text: str) -> dict[str, Any]:
    return {
        "type": "document",
        "key": f"document-{number}",
        "title": f"Document {number}",
        "text": text,
        "passages": [
            {
                "key": f"p{place}",
                "start": place * PASSAGE_LENGTH,
                "end": (place + 1) * PASSAGE_LENGTH,
            }
            for place in range(PASSAGES)
        ],
    }


def _citation(chosen: random.Random, document: int, text: str) -> dict[str, Any]:
    passage = chosen.randrange(PASSAGES)
    start = passage * PASSAGE_LENGTH + chosen.randrange(PASSAGE_LENGTH - 150)
    end = start + chosen.randint(40, 140)
    return {
        "passage": f"document-{document}/p{passage}",
        "start": start,
        "end": end,
        "quote": text[start:end],
    }


def new_base(url: str | None, folder: Path, name: str) -> str:
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
    engine.dispose()
    return made


def imported(url: str, file: Path) -> dict[str, Any]:
    """The import in this process, with the memory that it took at most."""
    engine = make_engine(url)
    sessions = make_sessions(engine)
    with sessions.write.begin() as session:
        draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
        store_vocabulary(session, load_vocabulary(), draft)
        finish_change(session, draft)
    gc.freeze()  # as the command does
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    with file.open("rb") as content:
        report = run_import(sessions, content, load_vocabulary(), Importer("bench"))
    seconds = time.perf_counter() - started
    engine.dispose()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return report | {"seconds": seconds, "memory_before": before, "memory": after}


def in_a_process_of_its_own(url: str, file: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.bulk_import", "--child", url, "--file", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def bare(source: Engine, target: Engine) -> tuple[float, int]:
    """Seconds and number of rows: all of them by executemany, in one transaction."""
    seconds = 0.0
    number = 0
    with source.connect() as reading, Session(target) as writing:
        for table, stored in tables(source):
            rows_of = select(*stored.columns).execution_options(yield_per=ROWS_AT_ONCE)
            result = reading.execute(rows_of)
            for part in result.mappings().partitions(ROWS_AT_ONCE):
                rows = [dict(row) for row in part]
                number += len(rows)
                started = time.perf_counter()
                writing.execute(table, rows)
                seconds += time.perf_counter() - started
        started = time.perf_counter()
        writing.commit()
        seconds += time.perf_counter() - started
    return seconds, number


def tables(source: Engine) -> Iterator[tuple[Any, Any]]:
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
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--claims", type=int, default=10_000)
    options.add_argument("--url", help="a PostgreSQL database, for the server that it names")
    options.add_argument("--child", help=argparse.SUPPRESS)
    options.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.child:
        print(json.dumps(imported(asked.child, asked.file)))
        return
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)
        file = folder / "lines.jsonl"
        with file.open("w") as written:
            for line in lines(asked.claims):
                written.write(json.dumps(line) + "\n")
        url = new_base(asked.url, folder, "bench_imported")
        report = in_a_process_of_its_own(url, file)
        source = make_engine(url)
        target = make_engine(new_base(asked.url, folder, "bench_bare"))
        seconds, rows = bare(source, target)
        source.dispose()
        target.dispose()
        show(report, file.stat().st_size, seconds, rows)


def show(report: dict[str, Any], size: int, seconds: float, rows: int) -> None:
    print(f"lines                 {report['lines']:>12,} ({size / 1e6:.0f} MB)")
    print(f"conflicts opened      {report['conflicts']['opened']:>12,}")
    print(f"import                {report['seconds']:>12.2f} s")
    print(f"  lines per second    {report['lines'] / report['seconds']:>12,.0f}")
    print(f"  validating          {report['seconds_validating']:>12.2f} s")
    print(f"  lock held           {report['seconds_locked']:>12.2f} s")
    print(f"  peak memory         {report['memory'] / 1024:>12.0f} MiB")
    print(f"  before it           {report['memory_before'] / 1024:>12.0f} MiB")
    print(f"bare executemany      {seconds:>12.2f} s for the same {rows:,} rows")
    print(f"bare / import         {seconds / report['seconds']:>12.2f}")


if __name__ == "__main__":
    main()
