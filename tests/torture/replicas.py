"""After an acknowledged edit, with replicas that lag: is anybody shown a base without it?

``python -m tests.torture.replicas [--edits 500] [--planted]``: a PostgreSQL with a streaming
replica, and two services on both. Every few edits the replica stops replaying for a while. After
each edit: who wrote, with the key, in the other service; whoever sends ``Claimbase-Change``, in
both; whoever asks without anything in the writer's service. All have to see it at once. Without
anything in the other service it may take as long as the notice does; once it was seen there, it
stays seen.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.db import make_engine, make_sessions
from app.models import Claim
from app.startup import prepare
from tests.accounts import bearer, key_of
from tests.conftest import SEED_FILE
from tests.standby import Pair, running_pair
from tests.torture.connections import Connection
from tests.torture.services import served
from tests.torture.stale_reads import LONGEST_SECONDS, READS, Edited, edit, told

# Of every six edits two are made while the replica stands still.
ROUND, PAUSED_FROM, PAUSED_UNTIL = 6, 2, 4


@dataclass
class Outcome:
    edits: int = 0
    while_paused: int = 0
    reads: int = 0
    from_replica: int = 0
    from_primary: int = 0
    stale: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


class Clients:
    """One service, as three kinds of readers see it."""

    def __init__(self, stack: ExitStack, base: str, key: dict[str, str]) -> None:
        self.base = base
        self.signed_in = stack.enter_context(Connection(base))
        self.signed_in.headers.update(key)
        self.told = stack.enter_context(Connection(base))
        self.anybody = stack.enter_context(Connection(base))

    def reads(self, which: str) -> int:
        """How many anonymous reads a base has answered, by the service's own count."""
        for line in self.anybody.get("/metrics").text.splitlines():
            if line.startswith("claimbase_reads_total") and f'base="{which}"' in line:
                return int(float(line.split()[-1]))
        raise AssertionError("the service does not count its reads")


def run(edits: int, *, planted: bool = False) -> Outcome:
    outcome = Outcome()
    factory = "create_unasked_app" if planted else None
    with running_pair() as pair, ExitStack() as stack:
        url = pair.primary.url
        prepare(url, SEED_FILE)
        key, claim = _key_and_claim(url)
        given: dict[str, Any] = {"replica_url": pair.standby.url, "metrics_public": "true"}
        one, other = (
            Clients(stack, stack.enter_context(served(url, planted=factory, **given)).base, key)
            for _ in range(2)
        )
        for number in range(edits):
            _pause_or_resume(pair, number, outcome)
            writer, reader = (one, other) if number % 2 else (other, one)
            done = edit(writer.signed_in, {}, claim, number)
            outcome.edits += 1
            _look_at_all(writer, reader, done, outcome)
        outcome.from_replica = one.reads("replica") + other.reads("replica")
        outcome.from_primary = one.reads("primary") + other.reads("primary")
    return outcome


def _key_and_claim(url: str) -> tuple[dict[str, str], str]:
    engine = make_engine(url)
    sessions = make_sessions(engine)
    key = bearer(key_of(sessions))
    with sessions.read() as session:
        claim = session.scalars(select(Claim.id).order_by(Claim.id).limit(1)).one()
    engine.dispose()
    return key, f"CLM{claim}"


def _pause_or_resume(pair: Pair, number: int, outcome: Outcome) -> None:
    step = number % ROUND
    if step == PAUSED_FROM:
        pair.pause()
    elif step == PAUSED_UNTIL:
        pair.resume()
    outcome.while_paused += PAUSED_FROM <= step < PAUSED_UNTIL


def _look_at_all(writer: Clients, reader: Clients, done: Edited, outcome: Outcome) -> None:
    for service in (writer, reader):
        service.told.headers["Claimbase-Change"] = str(done.change)
    for name, client in (
        ("told, in the writer's service", writer.told),
        ("told, in the other service", reader.told),
        ("anybody, in the writer's service", writer.anybody),
    ):
        _look(client, name, done, outcome)
    # What is withdrawn is still shown to curators, so that only an edit can be looked for.
    if done.token is not None:
        outcome.reads += 1
        shown = reader.signed_in.get("/claims/CLM1").text
        if f"Edited with {done.token}." not in shown:
            outcome.stale.append(f"edit {outcome.edits}: the writer, in the other service")
    began = time.monotonic()
    for name, shows in READS:
        outcome.reads += 1
        while not _is_shown(shows, reader.anybody, done.token):
            if time.monotonic() - began > LONGEST_SECONDS:
                outcome.stale.append(f"edit {outcome.edits}: anybody, after a while: {name}")
                break
            time.sleep(0.002)
    outcome.delays.append(time.monotonic() - began)
    _look(reader.anybody, "anybody, once more", done, outcome)


def _look(client: Connection, who: str, done: Edited, outcome: Outcome) -> None:
    for name, shows in READS:
        outcome.reads += 1
        if not _is_shown(shows, client, done.token):
            outcome.stale.append(f"edit {outcome.edits}: {who}: {name}")


def _is_shown(
    shows: Callable[[Connection, str | None], bool], client: Connection, token: str | None
) -> bool:
    """A problem in the place of a list does not show it either."""
    try:
        return shows(client, token)
    except KeyError:
        return False


def lines(outcome: Outcome) -> Iterator[str]:
    yield (
        f"{outcome.edits} edits, {outcome.while_paused} of them while the replica stood still; "
        f"{outcome.reads} reads in two services, {len(outcome.stale)} stale"
    )
    yield (
        f"without a key and not from memory: {outcome.from_replica} answered by the replica, "
        f"{outcome.from_primary} by the primary"
    )
    yield from told(outcome.delays, outcome.stale)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=500)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    given = parser.parse_args()
    outcome = run(given.edits, planted=given.planted)
    print("\n".join(lines(outcome)))
    return int(bool(outcome.stale) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
