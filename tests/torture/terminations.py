"""A PostgreSQL that fails in every way but losing data, while the service is read and written.

``python -m tests.torture.terminations [--seconds 60] [--rounds 3] [--planted]``; the server is one
of our own. Editors, an importer and readers do not stop while

- every connection of the service is ended, each 200 ms for so many seconds;
- the server is stopped at once and started again;
- all its processes stand still (SIGSTOP) for a few seconds;
- it lets the service have fewer connections than it wants.

Answers are right or 503 with ``Retry-After``, and after each fault the service writes again by
itself. Connections that were ended while nobody asked are noticed by nobody. What was
acknowledged is there, what was refused is not, and what got a 503 is there whole or not at all:
a connection can be lost after the commit. An answer that has begun is cut off, never ended as if
it were whole. The planted fault is a pool that hands out connections without trying them.
"""

import random
import tempfile
import time
from pathlib import Path

import httpx
from sqlalchemy import create_engine, make_url, text

from app.db import make_engine, make_sessions
from tests.accounts import key_of
from tests.postgresql import find_binaries, given_to_postgres
from tests.standby import PostgresServer
from tests.torture.clients import EDITORS, READERS, Clients, Outcome
from tests.torture.options import asked, verdict
from tests.torture.preloaded import children_of
from tests.torture.services import Served, served
from tests.torture.writers import (
    Attempt,
    base_faults,
    disagreements,
    prepare_small_base,
    tokens_in,
)

WORKERS = 2
EVERY = 0.2  # seconds between two ends of all connections
FEW_CONNECTIONS = 4
QUIET_READS = 12
ROLE = "service"  # not a superuser: those may have all connections
TERMINATE = text(
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = :role",
).bindparams(role=ROLE)


class Database:
    """Our server with a base for ``ROLE``, and what is done to it."""

    def __init__(self, folder: Path) -> None:
        given_to_postgres(folder)
        self._server = PostgresServer(folder, "failing", find_binaries())
        self._server.make()
        self._server.start()
        self._server.ask(f"CREATE ROLE {ROLE} LOGIN")
        self._server.ask(f"CREATE DATABASE claimbase OWNER {ROLE}")
        address = make_url(self._server.url).set(username=ROLE)
        self.url = address.render_as_string(hide_password=False)

    def close(self) -> None:
        self._server.stop()

    def end_connections(self, seconds: float) -> int:
        """All of the service, again and again; once for no seconds."""
        beside = make_url(self._server.url).set(database="postgres")
        engine = create_engine(beside, isolation_level="AUTOCOMMIT")
        over_at, ended = time.monotonic() + seconds, 0
        with engine.connect() as connection:
            while True:
                ended += connection.scalar(TERMINATE) or 0
                if time.monotonic() >= over_at:
                    break
                time.sleep(EVERY)
        engine.dispose()
        return ended

    def restart(self, clients: Clients) -> None:
        self._server.stop()
        clients.wait_for_a_refusal()
        self._server.start()

    def stand_still(self, seconds: float) -> None:
        with self._server.standing_still():
            time.sleep(seconds)

    def run_out_of_connections(self, clients: Clients) -> None:
        self._server.ask(f"ALTER ROLE {ROLE} CONNECTION LIMIT {FEW_CONNECTIONS}")
        self.end_connections(0)
        clients.wait_for_a_refusal()
        self._server.ask(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")


def run(seconds: float, rounds: int = 1, *, planted: bool = False) -> Outcome:
    """``seconds`` of ended connections in each round, beside the other faults."""
    outcome, begun = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="claimbase-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        database = Database(folder)
        try:
            with tempfile.TemporaryDirectory() as seed_folder:
                prepare_small_base(database.url, Path(seed_folder))
            _try(database, outcome, seconds, rounds, planted=planted)
        finally:
            database.close()
    outcome.seconds = time.monotonic() - begun
    return outcome


def _try(
    database: Database, outcome: Outcome, seconds: float, rounds: int, *, planted: bool
) -> None:
    engine = make_engine(database.url)
    sessions = make_sessions(engine)
    key = key_of(sessions)
    made: list[Attempt] = []
    factory = "create_untried_app" if planted else None
    with served(database.url, WORKERS, planted=factory) as server:
        workers = children_of(server.pid)
        for number in range(rounds):
            clients = Clients(server, key, outcome, f"r{number}")
            with clients.at_work():
                _fail(database, clients, outcome, seconds)
            made += clients.made
            _end_while_nobody_asks(database, server, outcome)
        if children_of(server.pid) != workers:
            outcome.faults.append("a worker was replaced, and what it was answering cut off")
    with sessions.read() as session:
        outcome.faults += disagreements(made, tokens_in(session))
        outcome.faults += base_faults(session)
    engine.dispose()
    outcome.writes.update(attempt.outcome for attempt in made)


def _fail(database: Database, clients: Clients, outcome: Outcome, seconds: float) -> None:
    clients.wait_for_progress()
    outcome.done["connections ended"] += database.end_connections(seconds)
    clients.wait_for_progress()
    database.restart(clients)
    outcome.done["restarts"] += 1
    clients.wait_for_progress()
    database.stand_still(min(seconds, 7))  # beyond the 5 seconds to connect in
    outcome.done["standstills"] += 1
    clients.wait_for_progress()
    database.run_out_of_connections(clients)
    outcome.done["times without connections"] += 1
    clients.wait_for_progress()


def _end_while_nobody_asks(database: Database, server: Served, outcome: Outcome) -> None:
    """The first to ask afterwards, of either process, are answered."""
    for is_after in (False, True):  # before, so that both have connections
        if is_after:
            outcome.done["connections ended"] += database.end_connections(0)
        for number in range(QUIET_READS):
            answer = server.get(f"/claims?q=word{number}-{random.random()}")
            if answer.status_code != httpx.codes.OK:
                outcome.faults.append(f"a read after the fault: {answer.status_code}")


def main() -> int:
    given = asked(__doc__, seconds=60.0, rounds=3)
    outcome = run(given.seconds, given.rounds, planted=given.planted)
    print(
        f"postgresql: {dict(outcome.done)} under {EDITORS} editors, an importer and {READERS} "
        f"readers over {WORKERS} workers in {outcome.seconds:.0f} s: reads "
        f"{dict(outcome.reads)}, writes {dict(outcome.writes)}, the slowest answer after "
        f"{outcome.slowest:.1f} s, {len(outcome.faults)} faults",
    )
    return verdict(outcome.faults, planted=given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
