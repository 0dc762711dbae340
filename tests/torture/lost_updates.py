"""Many editors on few claims over several processes: is every acknowledged edit there, once?

``python -m tests.torture.lost_updates [--attempts 10000] [--planted]``; the base is SQLite, or
one of the server that ``CLAIMBASE_TEST_DATABASE_URL`` names. An editor reads a claim, patches it
with a token, and goes on a few times from what the answers tell: the tag of its own version, or
the version that overtook it. An outcome is acknowledged, refused, or unknown where no answer came;
the history in the base has to agree with all of them.
"""

import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.db import make_engine, make_sessions
from app.models import Claim, Revision
from app.queries.check import check_base
from app.startup import prepare
from app.vocabulary import load_vocabulary
from tests.accounts import bearer, key_of
from tests.conftest import SEED_FILE
from tests.databases import new_database
from tests.torture.connections import NO_ANSWER, Connection
from tests.torture.options import asked, verdict
from tests.torture.services import Served, served

EDITORS, CLAIMS, WORKERS = 16, 5, 4
ATTEMPTS_OF_A_READ = 4


@dataclass(slots=True)
class Attempt:
    """One edit of ``claim``, made from ``version``, with its own ``token``."""

    claim: int
    version: int
    token: str
    outcome: str = "unknown"
    got: int | None = None


@dataclass
class Outcome:
    attempts: list[Attempt]
    anomalies: list[str]
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)


def run(attempts: int, *, planted: bool = False) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        url = new_database("torture", Path(folder))
        prepare(url, SEED_FILE)
        engine = make_engine(url)
        sessions = make_sessions(engine)
        key = key_of(sessions)
        with sessions.read() as session:
            known = select(Claim.id).order_by(Claim.id).limit(CLAIMS)
            claims = list(session.scalars(known))
        with served(url, WORKERS, planted="create_app" if planted else None) as server:
            begun = time.monotonic()
            made = _edit(server, key, claims, attempts)
            seconds = time.monotonic() - begun
        with sessions.read() as session:
            anomalies = list(_anomalies(session, claims, made))
            if not planted:
                anomalies += check_base(session, load_vocabulary(), lambda _: None)
        engine.dispose()
    return Outcome(made, anomalies, seconds, Counter(one.outcome for one in made))


def _edit(server: Served, key: str, claims: list[int], attempts: int) -> list[Attempt]:
    made: list[Attempt] = []
    left = iter(range(attempts))
    lock = threading.Lock()

    def editor(number: int) -> None:
        luck = random.Random(number)
        # Read as anybody does, who may be answered from memory.
        with Connection(server.base) as reader, Connection(server.base, bearer(key)) as writer:
            tag, claim, left_of_read = None, 0, 0
            while True:
                with lock:
                    place = next(left, None)
                if place is None:
                    return
                if tag is None or not left_of_read:
                    claim, left_of_read = luck.choice(claims), ATTEMPTS_OF_A_READ
                    tag = reader.get(f"/claims/CLM{claim}").headers["etag"]
                left_of_read -= 1
                attempt = Attempt(claim, _version_of(tag), f"token-{place}-by-{number}")
                made.append(attempt)
                tag = _patch(writer, attempt, tag)

    threads = [threading.Thread(target=editor, args=(number,)) for number in range(EDITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def _version_of(tag: str) -> int:
    return int(tag.strip('"').split(".")[1].split("-")[0])


def _patch(writer: Connection, attempt: Attempt, tag: str) -> str | None:
    """The tag to go on from, where the answer tells one."""
    body: dict[str, Any] = {
        "statement": f"Edited: {attempt.token}.",
        "reason": "A test of many editors.",
    }
    if attempt.version % 4 == 0:  # something that the conflict rules look at
        body["scope"] = {"age_low": attempt.version % 100}
    name = f"CLM{attempt.claim}"
    try:
        answer = writer.patch(f"/claims/{name}", json=body, headers={"If-Match": tag})
    except NO_ANSWER:
        return None
    if answer.status_code == HTTPStatus.OK:
        attempt.outcome, attempt.got = "acknowledged", answer.json()["version"]
        return str(answer.headers["etag"])
    if answer.status_code == HTTPStatus.PRECONDITION_FAILED:
        attempt.outcome = "refused"
        return f'"{name}.{answer.json()["current_version"]}"'
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        attempt.outcome = "refused"
    else:
        attempt.outcome = f"unexpected {answer.status_code}"
    return None


def _anomalies(session: Any, claims: list[int], made: list[Attempt]) -> Iterator[str]:
    """Where the history in the base does not agree with the answers."""
    by_token = {attempt.token: attempt for attempt in made}
    found: Counter[str] = Counter()
    for claim in claims:
        rows = session.execute(
            select(Revision.version, Revision.snapshot)
            .where(Revision.record_type == "claim", Revision.record_id == claim)
            .order_by(Revision.version),
        ).all()
        versions = [version for version, _ in rows]
        if versions != list(range(1, len(versions) + 1)):
            yield f"CLM{claim} has the versions {versions[:20]}"
        for version, snapshot in rows[1:]:
            token = snapshot["statement"].removeprefix("Edited: ").removesuffix(".")
            found[token] += 1
            wrong = _disagreement(by_token.get(token), version)
            if wrong:
                yield f"CLM{claim}.{version} {wrong}: {token}"
        current = session.scalars(select(Claim).where(Claim.id == claim)).one()
        if current.version != versions[-1] or current.statement != rows[-1][1]["statement"]:
            yield f"CLM{claim} is not what its last revision says"
    for attempt in made:
        if attempt.outcome == "acknowledged" and found[attempt.token] != 1:
            yield f"{attempt.token} was acknowledged and is there {found[attempt.token]} times"
        elif attempt.outcome.startswith("unexpected"):
            yield f"{attempt.token}: {attempt.outcome}"


def _disagreement(attempt: Attempt | None, version: int) -> str | None:
    if attempt is None or attempt.outcome == "refused":
        return "has an edit that was refused or never made"
    if version != attempt.version + 1:
        return f"was made from version {attempt.version}"
    if attempt.got not in {None, version}:
        return f"was acknowledged as {attempt.got}"
    return None


def main() -> int:
    given = asked(__doc__, attempts=10_000)
    outcome = run(given.attempts, planted=given.planted)
    database = os.environ.get("CLAIMBASE_TEST_DATABASE_URL", "sqlite").partition(":")[0]
    print(
        f"{database}: {len(outcome.attempts)} attempts by {EDITORS} editors over {WORKERS} "
        f"workers on {CLAIMS} claims in {outcome.seconds:.0f} s: {dict(outcome.counts)}, "
        f"{len(outcome.anomalies)} anomalies",
    )
    return verdict(outcome.anomalies, planted=given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
