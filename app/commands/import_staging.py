"""The lines of an import on disk while they are checked, and the faults that were found.

A SQLite file of its own: no lock of the base is held, and memory does not grow with the lines.
"""

import marshal
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 4_000_000
MAX_FAULTS = 1_000
LAST_LINE = 2**62
LONGEST = 500  # letters of what is said of a fault
# In the order in which they refer to each other.
TYPES = ("concept", "condition", "document", "claim")
CREATE, UPDATE, UNCHANGED = "create", "update", "unchanged"
SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (
    line INTEGER PRIMARY KEY, type TEXT, key TEXT, scope TEXT, identity TEXT, body BLOB
);
CREATE TABLE broken (type TEXT, key TEXT);
CREATE TABLE slugs (slug TEXT, line INTEGER, pointer TEXT);
CREATE TABLE broader (key TEXT, broader TEXT);
CREATE TABLE texts (document TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
CREATE TABLE plan (
    line INTEGER PRIMARY KEY, action TEXT, record_id INTEGER, version INTEGER, parts BLOB
);
CREATE TABLE ruled (
    condition INTEGER, question TEXT, concept TEXT, stands_out INTEGER, body BLOB
);
"""
INDEXES = """
CREATE INDEX lines_key ON lines (type, key);
CREATE INDEX lines_identity ON lines (identity);
CREATE INDEX lines_scope ON lines (type, scope);
CREATE INDEX slugs_slug ON slugs (slug);
CREATE INDEX broken_key ON broken (type, key);
"""


class LineFault(NamedTuple):
    """What is wrong with a line, and where in it: a JSON pointer, RFC 6901."""

    line: int
    pointer: str
    reason: str

    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        return f"line {self.line}{where}: {self.reason}"


class Faults:
    """The first faults, and how many there were."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[LineFault] = []

    def add(self, line: int, pointer: str, reason: str) -> None:
        self.total += 1
        if len(self._kept) < MAX_FAULTS:
            self._kept.append(LineFault(line, pointer[:LONGEST], reason[:LONGEST]))

    def listed(self) -> list[LineFault]:
        return sorted(self._kept)


class StagedLine(NamedTuple):
    """``scope``: of a claim the slug of its condition."""

    line: int
    type: str
    key: str
    scope: str | None
    identity: str | None
    body: bytes


class Planned(NamedTuple):
    """What is to be done with a line.

    ``version`` is the one that the record has now, None for a new one, whose id it will get.
    ``parts``: the ids that its passages or citations will get, where it is new.
    """

    line: int
    action: str
    record_id: int
    version: int | None
    parts: tuple[int, ...] = ()


def _plan(line: int, action: str, id_: int, version: int | None, parts: bytes | None) -> Planned:
    own = marshal.loads(parts) if parts else ()  # noqa: S302 - what this process wrote
    return Planned(line, action, id_, version, own)


def _taken(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """As many of the lines, at least one, as are worked on at once; no more are read."""
    taken: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        size += len(row[5])
        taken.append(row)
        if size > BYTES_AT_ONCE or len(taken) == ROWS_AT_ONCE:
            break
    return taken


def parts(items: Collection[str]) -> Iterator[list[str]]:
    """As many as one statement may name."""
    listed = list(items)
    for first in range(0, len(listed), ROWS_AT_ONCE):
        yield listed[first : first + ROWS_AT_ONCE]


class Staging:
    def __init__(self) -> None:
        self._db = sqlite3.connect(
            "",  # a file without a name: it goes with the process, also when that is killed
            isolation_level=None,
            check_same_thread=False,  # a request moves between threads, one at a time
        )
        self._db.executescript(SCHEMA)
        self._db.execute("BEGIN")
        self._waiting: list[StagedLine] = []
        self.lines = 0
        self.digest = ""
        self.faults = Faults()
        self.change = 0  # the last change of the base when it was read

    def close(self) -> None:
        self._db.close()

    # While the lines are read

    def add(self, line: StagedLine) -> None:
        self._waiting.append(line)
        if len(self._waiting) == ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        self._db.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def add_broken(self, type_: str, key: str) -> None:
        """A record whose line is at fault: what refers to it is not at fault for that."""
        self._db.execute("INSERT INTO broken VALUES (?, ?)", (type_, key))

    def add_slugs(self, line: int, slugs: Iterable[tuple[str, str]]) -> None:
        rows = [(slug, line, pointer) for pointer, slug in slugs]
        self._db.executemany("INSERT INTO slugs VALUES (?, ?, ?)", rows)

    def add_broader(self, key: str, broader: Iterable[str]) -> None:
        self._db.executemany("INSERT INTO broader VALUES (?, ?)", [(key, one) for one in broader])

    def add_text(self, document: str, text: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO texts VALUES (?, ?)", (document, text))

    def finish_reading(self) -> None:
        self._write()
        self._db.execute("COMMIT")
        self._db.executescript(INDEXES)

    def begin_plan(self) -> None:
        """Forget what was planned against an earlier state of the base."""
        self._db.executescript("DELETE FROM plan; DELETE FROM ruled;")

    def add_plan(self, plans: Sequence[Planned]) -> None:
        rows = [(*plan[:4], marshal.dumps(plan.parts) if plan.parts else None) for plan in plans]
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO plan VALUES (?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    # When all are read

    def batches(self, type_: str) -> Iterator[list[StagedLine]]:
        """All lines of a type in their order, each key once."""
        last = 0
        statement = (
            "SELECT line, type, key, scope, identity, body FROM lines"
            " WHERE line > ? AND +type = ? ORDER BY line"  # +: by line, not by an index and a sort
        )
        while rows := _taken(self._db.execute(statement, (last, type_))):
            yield [StagedLine(*row) for row in rows]
            last = rows[-1][0]

    def planned(
        self,
        type_: str,
        first: int = 0,
        last: int = LAST_LINE,
    ) -> Iterator[list[tuple[StagedLine, Planned]]]:
        """The lines that change something, with what they do; from one line to another."""
        before = first - 1
        statement = (
            "SELECT l.line, l.type, l.key, l.scope, l.identity, l.body,"
            " p.action, p.record_id, p.version, p.parts"
            " FROM plan p CROSS JOIN lines l ON l.line = p.line"
            " WHERE p.line > ? AND p.line <= ? AND l.type = ? AND p.action <> ? ORDER BY p.line"
        )
        while rows := _taken(self._db.execute(statement, (before, last, type_, UNCHANGED))):
            yield [(StagedLine(*row[:6]), _plan(row[0], *row[6:])) for row in rows]
            before = rows[-1][0]

    def planned_records(
        self,
        type_: str,
        wanted: Collection[str],
    ) -> Iterator[tuple[str, bytes, Planned]]:
        """Of these keys those that stand in the file: the line, and what it does."""
        statement = (
            "SELECT l.key, l.body, l.line, p.action, p.record_id, p.version, p.parts"
            " FROM lines l JOIN plan p ON p.line = l.line WHERE l.type = ?"
        )
        for key, body, *plan in self._among(statement, type_, list(wanted), "l.key"):
            yield key, body, _plan(*plan)

    # For the rules: claims of new conditions

    def add_ruled(self, rows: Sequence[tuple[int, str, str | None, bool, bytes]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO ruled VALUES (?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def ruled_conditions(self) -> Iterator[tuple[int, list[tuple[str, str | None, int]]]]:
        """New conditions by id; of their claims question, concept, and whether it stands out."""
        self._db.execute("CREATE INDEX IF NOT EXISTS ruled_condition ON ruled (condition)")
        rows = self._db.execute(
            "SELECT condition, question, concept, stands_out FROM ruled ORDER BY condition",
        )
        for condition, own in groupby(rows, key=itemgetter(0)):
            yield condition, [row[1:] for row in own]

    def ruled_claims(self, condition: int, questions: Collection[str]) -> list[bytes]:
        marks = ",".join("?" * len(questions))
        rows = self._all(
            f"SELECT body FROM ruled WHERE condition = ? AND question IN ({marks}) ORDER BY rowid",  # noqa: S608 - marks only
            condition,
            *questions,
        )
        return [body for (body,) in rows]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many lines there are of each action and type."""
        found = {action: dict.fromkeys(TYPES, 0) for action in (CREATE, UPDATE, UNCHANGED)}
        for action, type_, number in self._all(
            "SELECT p.action, l.type, COUNT(*) FROM plan p JOIN lines l ON l.line = p.line"
            " GROUP BY p.action, l.type",
        ):
            found[action][type_] = number
        return found

    def twice(self) -> Iterator[tuple[int, int]]:
        """Lines of a record that stands in the file before, and where."""
        yield from self._all(
            "SELECT l.line, f.first FROM lines l JOIN (SELECT type, key, MIN(line) AS first"
            " FROM lines GROUP BY type, key HAVING COUNT(*) > 1) f"
            " ON f.type = l.type AND f.key = l.key AND l.line > f.first",
        )

    def same_identity(self) -> Iterator[tuple[int, int]]:
        """Lines of a claim that stands in the file before under another key, and where."""
        yield from self._all(
            "SELECT l.line, f.first FROM lines l JOIN (SELECT identity, MIN(line) AS first"
            " FROM lines WHERE identity IS NOT NULL GROUP BY identity"
            " HAVING COUNT(DISTINCT key) > 1) f"
            " ON f.identity = l.identity AND l.line > f.first",
        )

    def same_slug(self) -> Iterator[tuple[int, str, str, int]]:
        """Line, pointer and slug where a slug stands for a second time, and the first line."""
        yield from self._all(
            "SELECT s.line, s.pointer, s.slug, f.line FROM slugs s JOIN slugs f"
            " ON f.slug = s.slug AND f.rowid < s.rowid"
            " WHERE NOT EXISTS (SELECT 1 FROM slugs e WHERE e.slug = s.slug"
            " AND e.rowid < f.rowid)",
        )

    def slugs(self) -> Iterator[list[tuple[str, int, str, str]]]:
        """Slug, line, pointer, and the condition that it is of."""
        yield from self._pages(
            "SELECT s.slug, s.line, s.pointer, l.key FROM slugs s"
            " JOIN lines l ON l.line = s.line ORDER BY s.rowid",
        )

    def broader(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, broader in self._all("SELECT key, broader FROM broader ORDER BY rowid"):
            found.setdefault(key, []).append(broader)
        return found

    def line_of(self, type_: str, key: str) -> int | None:
        rows = self._all("SELECT MIN(line) FROM lines WHERE type = ? AND key = ?", type_, key)
        line: int | None = rows[0][0]
        return line

    def keys(self, type_: str, wanted: Collection[str], *, broken: bool = True) -> set[str]:
        """Those that stand in the file; with ``broken`` also those whose line is at fault."""
        names = list(wanted)
        found = {
            row[0] for row in self._among("SELECT key FROM lines WHERE type = ?", type_, names)
        }
        if broken:
            found |= self.broken(type_, names)
        return found

    def broken(self, type_: str, wanted: Collection[str]) -> set[str]:
        statement = "SELECT key FROM broken WHERE type = ?"
        return {row[0] for row in self._among(statement, type_, list(wanted))}

    def bodies(self, type_: str, wanted: Collection[str]) -> dict[str, bytes]:
        statement = "SELECT key, body FROM lines WHERE type = ?"
        return dict(self._among(statement, type_, list(wanted)))

    def identities(self, wanted: Collection[str]) -> dict[str, str]:
        """Of the claims of these keys."""
        statement = "SELECT key, identity FROM lines WHERE type = ?"
        return dict(self._among(statement, "claim", list(wanted)))

    def holds_identity(self, wanted: Collection[str]) -> bool:
        statement = "SELECT 1 FROM lines WHERE type = ? AND identity IS NOT NULL"
        return bool(self._among(statement, "claim", list(wanted), "identity"))

    def text(self, document: str) -> str | None:
        rows = self._all("SELECT text FROM texts WHERE document = ?", document)
        return rows[0][0] if rows else None

    def with_text(self, wanted: Collection[str]) -> set[str]:
        """The documents whose text was sent along."""
        statement = "SELECT document FROM texts WHERE ? = 'document'"
        return {row[0] for row in self._among(statement, "document", list(wanted), "document")}

    def conditions(self) -> Iterator[list[str]]:
        """Slugs of the conditions whose claims change."""
        pages = self._pages(
            "SELECT DISTINCT l.scope FROM lines l JOIN plan p ON p.line = l.line"
            " WHERE l.type = 'claim' AND p.action <> 'unchanged' ORDER BY l.scope",
        )
        for page in pages:
            yield [slug for (slug,) in page]

    def records(self, type_: str, action: str) -> list[int]:
        """Ids of the records that are there already and get this action."""
        rows = self._all(
            "SELECT p.record_id FROM plan p JOIN lines l ON l.line = p.line"
            " WHERE l.type = ? AND p.action = ? ORDER BY p.record_id",
            type_,
            action,
        )
        return [id_ for (id_,) in rows]

    def _among(
        self,
        statement: str,
        type_: str,
        names: Sequence[str],
        column: str = "key",
    ) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for part in parts(names):
            marks = ",".join("?" * len(part))
            found += self._all(f"{statement} AND {column} IN ({marks})", type_, *part)
        return found

    def _pages(self, statement: str) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._db.execute(statement)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()
