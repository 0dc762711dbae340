"""After an acknowledged edit in one process: does any read of any process show the base before?

``python -m tests.torture.stale_reads [--edits 2000] [--planted]``: two services on one base. Each
edit gives a claim a token, or withdraws or restores it; then both are asked for the claim, the
list, a search, a count, an export and the page of the condition. Each third edit is of another
condition, whose page is asked for too: what is about the first one may be answered from memory.
On PostgreSQL the notice of a commit takes its way: there the time is measured until the other
process shows it, and what the writer's own process shows must be current at once. Planted is a
cache that never asks (``--planted``), or a base without the triggers that note changes of claims
(``--planted unnoted``, on SQLite).
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select, text

from app.db import make_engine, make_sessions
from app.models import Claim
from app.policy import Role
from app.startup import prepare
from tests.accounts import bearer, key_of
from tests.conftest import SEED_FILE
from tests.databases import SERVER, new_database
from tests.torture.connections import Connection
from tests.torture.services import served

CLAIMS = len(json.loads(SEED_FILE.read_text())["claims"])
OTHER = "rosacea"
FAULTS = ("unasked", "unnoted")
UNNOTED = ("condition_stamps_claim_changed", "condition_stamps_written")
LONGEST_SECONDS = 3.0  # that another process may be behind on PostgreSQL


EDITED, BESIDE = "Edited with", "Beside it"
PASSAGE = "milia-syndrome/p1"
Shows = Callable[[Connection, str | None], bool]


@dataclass
class Outcome:
    edits: int = 0
    reads: int = 0
    stale: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def run(edits: int, *, planted: str | None = None) -> Outcome:
    outcome = Outcome()
    factory = "create_stale_app" if planted == "unasked" else None
    with tempfile.TemporaryDirectory() as folder:
        url = new_database("stale", Path(folder))
        prepare(url, SEED_FILE)
        engine = make_engine(url)
        sessions = make_sessions(engine)
        headers = bearer(key_of(sessions, Role.admin))
        with sessions.write.begin() as session:
            claim = session.scalars(select(Claim.id).order_by(Claim.id).limit(1)).one()
            for trigger in UNNOTED if planted == "unnoted" else ():
                session.execute(text(f"DROP TRIGGER {trigger}"))
        engine.dispose()
        with (
            served(url, planted=factory) as one,
            served(url, planted=factory) as other,
            Connection(one.base) as first,
            Connection(other.base) as second,
        ):
            beside = _add_beside(first, headers)
            milia, of_other, is_public = None, None, True
            for number in range(edits):
                writer, reader = (first, second) if number % 2 else (second, first)
                if number % 3 == 2:
                    of_other = edit(writer, headers, beside, number, BESIDE).token
                    is_public = of_other is not None
                else:
                    milia = edit(writer, headers, f"CLM{claim}", number).token
                outcome.edits += 1
                reads = reads_of(CLAIMS + is_public)
                for client, is_own in ((writer, True), (reader, SERVER is None)):
                    _look(client, milia, outcome, reads, is_own=is_own)
                    if number > 1:
                        _look(client, of_other, outcome, READS_BESIDE, is_own=is_own)
    return outcome


def _add_beside(client: Connection, headers: dict[str, str]) -> str:
    """The id of a published claim about another condition."""
    reason = {"reason": "To be edited."}
    made = {"slug": OTHER, "name": "Rosacea", **reason}
    client.post("/conditions", json=made, headers=headers).raise_for_status()
    citation = {"passage": PASSAGE, "locator": "anywhere"}
    body = {
        "condition": OTHER,
        "question": "recommendation.advice",
        "statement": "Shade is advised.",
        "words": "shade",
        "citations": [citation],
        **reason,
    }
    record = client.post("/claims", json=body, headers=headers).raise_for_status().json()
    for step in ("submit", "publish"):
        tag = {"If-Match": f'"{record["id"]}.{record["version"]}"'}
        address = f"/claims/{record['id']}/{step}"
        record = client.post(address, json=reason, headers=headers | tag).raise_for_status().json()
    return str(record["id"])


class Edited(NamedTuple):
    """The token that the claim has to show now, or None if it was withdrawn; and the change."""

    token: str | None
    change: int


def edit(
    client: Connection, headers: dict[str, str], claim: str, number: int, words: str = EDITED
) -> Edited:
    """Change the claim."""
    record = client.get(f"/claims/{claim}", headers=headers).json()
    tag = {"If-Match": f'"{claim}.{record["version"]}"'}
    token = f"token{number}"
    if record["status"] == "retracted":
        step, body = "restore", {"reason": "Back again."}
        token = record["statement"].split()[-1].removesuffix(".")
    elif number % 7 == 6:
        step, body = "retract", {"reason": "Away for a while."}
    else:
        step, body = "", {"statement": f"{words} {token}.", "reason": "Another word."}
    if step:
        answer = client.post(f"/claims/{claim}/{step}", json=body, headers=headers | tag)
    else:
        answer = client.patch(f"/claims/{claim}", json=body, headers=headers | tag)
    assert answer.status_code == HTTPStatus.OK, answer.text
    change = int(answer.headers["claimbase-change"])
    return Edited(None if step == "retract" else token, change)


def _look(
    client: Connection,
    expected: str | None,
    outcome: Outcome,
    reads: Sequence[tuple[str, Shows]],
    *,
    is_own: bool,
) -> None:
    begun = time.monotonic()
    for name, shows in reads:
        outcome.reads += 1
        while not shows(client, expected):
            late = time.monotonic() - begun
            if is_own or late > LONGEST_SECONDS:
                outcome.stale.append(f"edit {outcome.edits}: {name}")
                break
            time.sleep(0.002)
    if not is_own:
        outcome.delays.append(time.monotonic() - begun)


def _listed(client: Connection, path: str, expected: str | None, words: str = EDITED) -> bool:
    """Whether what is at the path has the claim with its token, or not at all."""
    body = client.get(path).text
    if expected is None:
        return f"{words} token" not in body
    return f"{words} {expected}." in body


def _one(client: Connection, expected: str | None) -> bool:
    answer = client.get("/claims/CLM1")
    if expected is None:
        return answer.status_code == HTTPStatus.GONE
    return f"{EDITED} {expected}." in answer.text


def _found(client: Connection, expected: str | None) -> bool:
    rows = client.get(f"/claims?q={expected or 'edited'}").json()["data"]
    return [row["id"] for row in rows] == ([] if expected is None else ["CLM1"])


def _counted(client: Connection, expected: str | None, claims: int) -> bool:
    answer: dict[str, Any] = client.get("/claims?limit=1&facet=type").json()
    total: int = answer["meta"]["total"]
    listed = sum(value["count"] for value in answer["facets"]["type"]["values"])
    return total == listed and total == claims - int(expected is None)


def reads_of(claims: int) -> list[tuple[str, Shows]]:
    """What is read of a base with so many claims."""
    export = "/claims/export?format=jsonl&question=definition.kind"
    return [
        ("the claim", _one),
        ("the list", lambda client, expected: _listed(client, "/claims", expected)),
        ("the search", _found),
        ("the count", lambda client, expected: _counted(client, expected, claims)),
        ("the export", lambda client, expected: _listed(client, export, expected)),
        ("the page", lambda client, expected: _listed(client, "/conditions/milia", expected)),
    ]


READS = reads_of(CLAIMS)
READS_BESIDE: list[tuple[str, Shows]] = [
    (
        "the page of the other condition",
        lambda client, expected: _listed(client, f"/conditions/{OTHER}", expected, BESIDE),
    ),
]


def lines(outcome: Outcome) -> Iterator[str]:
    database = "postgresql" if SERVER else "sqlite"
    yield (
        f"{database}: {outcome.edits} edits, {outcome.reads} reads in two processes, "
        f"{len(outcome.stale)} stale"
    )
    yield from told(outcome.delays, outcome.stale)


def told(delays: Sequence[float], stale: Sequence[str]) -> Iterator[str]:
    """How long another process was behind, and the first reads that should not have been."""
    if delays:
        yield (
            f"until the other process showed all of it: median "
            f"{statistics.median(delays) * 1000:.0f} ms, longest {max(delays) * 1000:.0f} ms"
        )
    yield from (f"  {line}" for line in stale[:10])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=2_000)
    parser.add_argument(
        "--planted", nargs="?", const=FAULTS[0], choices=FAULTS, help="a fault that has to be found"
    )
    given = parser.parse_args()
    outcome = run(given.edits, planted=given.planted)
    print("\n".join(lines(outcome)))
    return int(bool(outcome.stale) is not bool(given.planted))


if __name__ == "__main__":
    raise SystemExit(main())
