"""After each change of a random history: are answers from memory those of a service without any?

``python -m tests.torture.kept_answers [--histories 20] [--planted]``. Another program
makes the changes, of claims, reviews, decisions, documents and concepts of several conditions.
Then some addresses are read through the cache, twice, and from a service that keeps nothing. On
PostgreSQL the notice of the change is waited for.
"""

import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from app.commands.changes import ChangeDraft, finish_change
from app.commands.vocabularies import store_vocabulary
from app.config import Settings
from app.db import make_sessions
from app.main import create_app
from app.queries.changes import last_number
from app.vocabulary import load_vocabulary
from tests.apps import document
from tests.commands.histories import History
from tests.databases import SERVER, migrated_database, migrated_engine
from tests.torture.options import asked, verdict

READ_AFTER_EACH = 15
# Without them a change of a claim's row is not noted.
UNNOTED = (
    ("condition_stamps_claim_changed", "condition_stamps_written")
    if SERVER is None
    else ("touched_claims_update ON claims", "touched_written_claims_update ON written_claims")
)
PATIENCE = 20


@dataclass
class Outcome:
    """``outlived`` are first reads after a change that were answered from memory."""

    changes: int = 0
    reads: int = 0
    outlived: int = 0
    wrong: list[str] = field(default_factory=list)


def run(histories: int, steps: int, *, planted: bool = False) -> Outcome:
    outcome = Outcome()
    for number in range(histories):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            url = migrated_database("kept", Path(folder))
            engine = migrated_engine(url)
            stack.callback(engine.dispose)
            _prepare(engine, planted=planted)
            history = History(make_sessions(engine), number)
            kept, plain = _served(url, stack), _served(url, stack, cache_bytes=0)
            addresses, chance = _addresses(plain), random.Random(number)
            for _ in range(steps):
                done = history.step()
                outcome.changes += 1
                _wait_for_the_notice(engine, kept)
                for address in chance.sample(addresses, READ_AFTER_EACH):
                    _compare(kept, plain, address, outcome, f"{number}, {done}: {address}")
    return outcome


def _prepare(engine: Engine, *, planted: bool) -> None:
    with make_sessions(engine).write.begin() as session:
        draft = ChangeDraft("seed", "seed", "seed", "The vocabulary.")
        store_vocabulary(session, load_vocabulary(), draft)
        finish_change(session, draft)
        for trigger in UNNOTED if planted else ():
            session.execute(text(f"DROP TRIGGER {trigger}"))


def _wait_for_the_notice(engine: Engine, kept: TestClient) -> None:
    if SERVER is None:
        return
    with make_sessions(engine).read() as session:
        last = last_number(session)
    app: Any = kept.app
    give_up_at = time.monotonic() + PATIENCE
    while not app.state.freshness.has(last):
        assert time.monotonic() < give_up_at
        time.sleep(0.002)


def _served(url: str, stack: ExitStack, **settings: Any) -> TestClient:
    app = create_app(Settings(database_url=url, **settings))
    app.openapi_schema = document()
    stack.callback(app.state.sessions.read.kw["bind"].dispose)
    return stack.enter_context(TestClient(app, follow_redirects=False))


def _compare(
    kept: TestClient, plain: TestClient, address: str, outcome: Outcome, place: str
) -> None:
    app: Any = kept.app
    hits = app.state.metrics.cache.hits
    expected, first = plain.get(address), kept.get(address)
    outcome.outlived += app.state.metrics.cache.hits > hits
    for found in (first, kept.get(address)):
        outcome.reads += 1
        is_same = found.status_code == expected.status_code
        if expected.is_success:
            is_same = is_same and found.content == expected.content
            is_same = is_same and found.headers["etag"] == expected.headers["etag"]
        if not is_same:
            outcome.wrong.append(place)


def _addresses(client: TestClient) -> list[str]:
    slugs = [row["slug"] for row in client.get("/conditions").json()["data"]]
    found = ["/conditions", "/claims", "/conflicts", "/claims?facet=condition&limit=1"]
    found += [f"/claims/CLM{number}" for number in range(1, 31)]
    found += [f"/conflicts/CNF{number}" for number in range(1, 11)]
    for slug in slugs:
        found += [f"/conditions/{slug}"] * 5
        found += [
            f"/conditions/{slug}/agreement",
            f"/claims?condition={slug}",
            f"/claims?condition={slug}&conflict=true&facet=type&facet=certainty&sort=-updated_at",
            f"/claims?condition={slug}&group_by=question,severity",
            f"/claims?condition={slug}&facet=condition&limit=2",
        ]
    return found


def main() -> int:
    given = asked(__doc__, histories=20, steps=60)
    outcome = run(given.histories, given.steps, planted=given.planted)
    print(
        f"{outcome.changes} changes, {outcome.reads} reads, {outcome.outlived} of them from memory "
        f"after a change, {len(outcome.wrong)} wrong"
    )
    return verdict(outcome.wrong, planted=given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
