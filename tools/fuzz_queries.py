"""``make fuzz``: random filters and bodies against the seeded base, none of them a 5xx.

Valid, nearly valid and hostile, mixed. Every answer has to be 200, 400 or 422; anything
else is printed with what was asked, and the exit code is 1.
"""

import json
import random
import string
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.config import ROOT, Settings
from app.db import create_sqlite_file, make_engine, make_sessions
from app.main import create_app
from app.schemas.claim_fields import FACETS, SPECS, Kind
from app.schemas.claim_queries import CLAIM_FIELDS, SORTS
from app.startup import migrate, seed_database
from app.vocabulary import load_vocabulary

EXPECTED = {200, 400, 422}
SHOWN = 20
OPERATORS = ("", "__not", "__gte", "__lte", "__missing", "__like", "__", "_not")
HOSTILE = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ufffd",
    "%",
    "_",
    "'",
    "''; DROP TABLE claims; --",
    '"',
    '"unclosed phrase',
    "-",
    "*",
    "**",
    "a*b*",
    "NEAR(a, b)",
    "AND OR NOT",
    "(" * 40,
    "col:val",
    "^a",
    "{statement}: a",
    "\\",
    "'a':*A & !b <-> c",
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    str(2**63),
    "9" * 400,
    "2026-13-45",
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-22T10:00:00Z",
    "2026-11-22",
    "true",
    "null",
    "[]",
    "DOC0",
    "DOC99999999999999999999",
    "PSG1",
    "CLM1",
    "HP:0001056",
    ":",
    "a:b:c",
    "/",
    "p1",
    "milia-syndrome/p1",
    "milia-syndrome/",
    "\u200b\u202e",
    "\U0001f9ec" * 10,
    "é" * 100,
    "\u0130\u00df\ufb01",
    "粟粒腫",
    "a" * 501,
    "a " * 200,
)
# Bytes that are no text at all, as they can stand in an address.
RAW = ("%ED%A0%80", "%FF%FE", "%C0%AF", "%", "%zz", "%00", "+", "%0D%0A", "%25")
RANDOM_LETTERS = string.printable + "éßł粟\u0301\u200d\U0001f600"


class Fuzzer:
    def __init__(self, client: TestClient, seed: int) -> None:
        self._client = client
        self._chosen = random.Random(seed)  # noqa: S311 - repeatable is what is wanted
        self._known = self._valid_values()
        self._cursors = [""]

    def _valid_values(self) -> dict[str, list[Any]]:
        answer = self._client.get("/claims", params={"limit": 1, "facet": FACETS[:10]}).json()
        facets = dict(answer["facets"])
        for first in range(10, len(FACETS), 10):
            names = list(FACETS[first : first + 10])
            facets |= self._client.get("/claims", params={"limit": 1, "facet": names}).json()[
                "facets"
            ]
        return {
            name: [row["value"] for row in facet["values"] if row["value"] is not None] or ["x"]
            for name, facet in facets.items()
        }

    def ask(self) -> tuple[str, Any]:
        """One request, as a line that tells what was asked, and its answer."""
        if self._chosen.random() < 0.35:  # noqa: PLR2004 - a third are bodies
            return self._ask_by_body()
        query = "&".join(self._pair() for _ in range(self._chosen.randrange(1, 5)))
        path = self._chosen.choice(
            ["/claims"] * 12
            + ["/conditions", "/concepts", "/conflicts", "/conditions/milia/matrix"],
        )
        if "limit" not in query and path != "/conditions/milia/matrix":
            query += "&limit=2"  # the question is what is tried, not how long the answer is
        answer = self._client.get(f"{path}?{query}")
        self._keep_cursor(answer)
        return f"GET {path}?{query}", answer

    def _keep_cursor(self, answer: Any) -> None:
        if answer.status_code != HTTPStatus.OK:
            return
        cursor = (answer.json().get("page") or {}).get("next_cursor")
        if cursor:
            self._cursors = [*self._cursors[-50:], cursor]

    def _ask_by_body(self) -> tuple[str, Any]:
        body: Any = {"limit": 2, "filter": self._node(self._chosen.randrange(1, 5))}
        for name, make in self._settings().items():
            if self._chosen.random() < 0.05:  # noqa: PLR2004
                body[name] = make()
        if self._chosen.random() < 0.03:  # noqa: PLR2004 - anything but an object of ours
            body = self._chosen.choice([[], None, 1, "x", {"filter": []}, {"filter": {"not": 1}}])
        answer = self._client.post(
            "/claims/search",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
        self._keep_cursor(answer)
        return f"POST {body!r}", answer

    def _node(self, depth: int) -> Any:
        node: dict[str, Any] = {}
        for _ in range(self._chosen.randrange(3)):
            name = self._parameter()
            value = self._value(name)
            node[name] = self._chosen.choice([value, [value], [value, self._value(name)]])
        if depth and self._chosen.random() < 0.6:  # noqa: PLR2004
            parts = [self._node(depth - 1) for _ in range(self._chosen.randrange(1, 3))]
            way = self._chosen.choice(["all", "any", "not", "nor"])
            node[way] = parts[0] if way == "not" else parts
        return node

    def _settings(self) -> dict[str, Callable[[], Any]]:
        pick = self._chosen.choice
        return {
            "limit": lambda: pick([1, 3, 100, 0, 101, -1, "5", None]),
            "q": lambda: pick([self._text(), "milia skin", '"white bumps"', "cyst*", "-milia"]),
            "sort": lambda: pick([*SORTS, "-severity", "-updated_at", "relevance", "name"]),
            "facet": lambda: [pick([*FACETS, "tipe"])],
            "fields": lambda: [pick([*CLAIM_FIELDS, "all"])],
            "group_by": lambda: [pick([*FACETS, "tipe"]) for _ in range(pick([1, 2, 3]))],
            "count": lambda: pick(["exact", "none", "some"]),
            "concept_narrower": lambda: pick([True, False, "no", 7]),
            "cursor": lambda: pick([*self._cursors, self._text()]),
            "exclude_passage": lambda: [pick(["milia-syndrome/p1", "PSG2", self._text()])],
            "exclude_document": lambda: [pick(["milia-syndrome", self._text()])],
        }

    def _pair(self) -> str:
        if self._chosen.random() < 0.2:  # noqa: PLR2004
            name = self._chosen.choice(list(self._settings()))
            value = self._settings()[name]()
            value = ",".join(map(str, value)) if isinstance(value, list) else value
        else:
            name = self._parameter()
            value = self._value(name)
        if self._chosen.random() < 0.02:  # noqa: PLR2004
            return f"{name}={self._chosen.choice(RAW)}"
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return f"{name}={quote(written, safe='', errors='replace')}"

    def _parameter(self) -> str:
        spec = self._chosen.choice(SPECS)
        if self._chosen.random() < 0.03:  # noqa: PLR2004
            return self._mistyped(spec.name)
        if self._chosen.random() < 0.05:  # noqa: PLR2004
            return f"{spec.name}{self._chosen.choice(OPERATORS)}"
        fitting = [""] if spec.kind in {Kind.flag, Kind.time} else ["", "", "__not"]
        fitting += ["__gte", "__lte"] if spec.kind in {Kind.number, Kind.time} else []
        fitting += ["__missing"] if spec.optional else []
        return f"{spec.name}{self._chosen.choice(fitting)}"

    def _value(self, parameter: str) -> Any:
        field, _, operator = parameter.partition("__")
        if self._chosen.random() < 0.07:  # noqa: PLR2004
            return self._text()
        if operator == "missing":
            return self._chosen.choice([True, False])
        value = self._chosen.choice(self._known.get(field, ["x"]))
        if self._chosen.random() < 0.1 and isinstance(value, str):  # noqa: PLR2004
            return self._mistyped(value)
        return value

    def _text(self) -> str:
        letters: list[str] = self._chosen.choices(RANDOM_LETTERS, k=self._chosen.randrange(30))
        if self._chosen.random() < 0.5:  # noqa: PLR2004
            return str(self._chosen.choice(HOSTILE))
        return "".join(letters)

    def _mistyped(self, word: str) -> str:
        place = self._chosen.randrange(len(word) + 1)
        letter = self._chosen.choice([*string.ascii_lowercase, "", "", "_", "-", "É"])
        return f"{word[:place]}{letter}{word[place + self._chosen.randrange(2) :]}"


def fuzz(engine: Engine, times: int, seed: int) -> tuple[Counter[int], list[str]]:
    """How many answers had which status, and what was asked where none of them is expected."""
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    app = create_app(Settings(), sessions=make_sessions(engine))
    with TestClient(app, raise_server_exceptions=False) as client:
        fuzzer = Fuzzer(client, seed)
        for _ in range(times):
            asked, answer = fuzzer.ask()
            statuses[answer.status_code] += 1
            if answer.status_code not in EXPECTED and len(wrong) < SHOWN:
                wrong.append(f"{answer.status_code} {asked}")
    return statuses, wrong


def main(times: int, seed: int) -> int:
    load_vocabulary()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'fuzz.db'}"
        create_sqlite_file(url)
        engine = make_engine(url)
        migrate(engine)
        seed_database(make_sessions(engine), ROOT / "data" / "seed.json")
        statuses, wrong = fuzz(engine, times, seed)
        engine.dispose()
    told = ", ".join(f"{number:,} x {status}" for status, number in sorted(statuses.items()))
    sys.stdout.write(f"{times:,} queries in {time.monotonic() - started:.0f} s: {told}\n")
    for line in wrong:
        sys.stdout.write(f"NOT EXPECTED: {line[:500]}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:3]]
    raise SystemExit(main(*(arguments + [100_000, 1][len(arguments) :])))
