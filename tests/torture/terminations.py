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

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, make_url, text

from app.db import make_engine, make_sessions
from tests.accounts import bearer, key_of
from tests.postgresql import find_binaries, given_to_postgres
from tests.standby import PostgresServer
from tests.startup.servers import PATIENCE, Server
from tests.torture.preloaded import children_of
from tests.torture.services import served
from tests.torture.writers import (
    Attempt,
    BatchImporter,
    Editor,
    base_faults,
    disagreements,
    note_answer,
    prepare_small_base,
    tokens_in,
)

EDITORS, READERS, WORKERS = 3, 2, 2
EVERY = 0.2  # seconds between two ends of all connections
FEW_CONNECTIONS = 4
QUIET_READS = 12
PATHS = ("/conditions/milia", "/claims?facet=type", "/claims?q=milia", "/conflicts", "/changes")
ROLE = "service"  # not a superuser: those may have all connections
TERMINATE = text(
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = :role",
).bindparams(role=ROLE)


@dataclass
class Outcome:
    """``faults``: what is wrong with answers or the base. ``done``: how often each was done."""

    seconds: float = 0
    slowest: float = 0
    reads: Counter[int] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Clients:
    """Who reads and writes until told to stop."""

    def __init__(self, server: Server, key: str, outcome: Outcome, name: str) -> None:
        self._server, self._key, self._outcome = server, key, outcome
        self._over = threading.Event()
        self.made: list[Attempt] = []
        self.refused = 0
        writers = [Editor(f"{name}-editor{n}", random.Random(n)) for n in range(EDITORS)]
        writers.append(BatchImporter(f"{name}-importer", random.Random(EDITORS)))
        self._threads = [threading.Thread(target=self._write, args=(one,)) for one in writers]
        self._threads += [threading.Thread(target=self._read, args=(n,)) for n in range(READERS)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def wait_for_progress(self) -> None:
        """Until something is written that was not before."""
        before = self._acknowledged()
        self._wait_until(lambda: self._acknowledged() > before, "nothing is written any more")

    def wait_for_a_refusal(self) -> None:
        before = self.refused
        self._wait_until(lambda: self.refused > before, "nobody notices")

    def _acknowledged(self) -> int:
        return sum(each.outcome == "acknowledged" for each in list(self.made))

    @staticmethod
    def _wait_until(is_so: Any, otherwise: str) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < give_up_at, otherwise
            time.sleep(0.02)

    def _write(self, writer: Editor) -> None:
        with self._client(bearer(self._key)) as client:
            while not self._over.is_set():
                attempt = writer.attempt()
                self.made.append(attempt)
                try:
                    request = writer.request(client, attempt)
                    answer = client.send(request) if request else None
                except httpx.TransportError as error:
                    self._outcome.faults.append(f"{attempt.token} had no answer: {error!r}")
                    continue
                note_answer(attempt, answer)
                if answer is not None and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    attempt.outcome = "unavailable"  # lost in its commit, it may be there
                self._judge(answer)

    def _read(self, number: int) -> None:
        luck = random.Random(number)
        with self._client({}) as client:
            while not self._over.is_set():
                try:
                    answer = client.get(luck.choice(PATHS))
                except httpx.RemoteProtocolError as error:
                    self._outcome.done["answers cut off"] += 1
                    if "incomplete" not in str(error):
                        self._outcome.faults.append(f"a read had no answer: {error!r}")
                    continue
                except httpx.TransportError as error:
                    self._outcome.faults.append(f"a read had no answer: {error!r}")
                    continue
                self._outcome.reads[answer.status_code] += 1
                self._judge(answer)

    def _judge(self, answer: httpx.Response | None) -> None:
        if answer is None:
            self.refused += 1
            return
        taken = answer.elapsed.total_seconds()
        self._outcome.slowest = max(self._outcome.slowest, taken)
        if not answer.is_server_error:
            return
        self.refused += 1
        told = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self._outcome.faults.append(f"{told} {answer.text[:200]}")
        elif "retry-after" not in answer.headers:
            self._outcome.faults.append(f"{told} without Retry-After")

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        return httpx.Client(base_url=self._server.base, headers=headers, timeout=PATIENCE)


class Database:
    """Our server with a base for ``ROLE``, and what is done to it."""

    def __init__(self, folder: Path) -> None:
        given_to_postgres(folder)
        self._data = folder / "failing"
        self._server = PostgresServer(folder, self._data.name, find_binaries())
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
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [first, *children_of(first)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

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
        _read_its_log(server)
        for number in range(rounds):
            clients = Clients(server, key, outcome, f"r{number}")
            with clients.at_work():
                _fail(database, clients, outcome, seconds)
            made += clients.made
            _end_while_nobody_asks(database, server, outcome)
    with sessions.read() as session:
        outcome.faults += disagreements(made, tokens_in(session))
        outcome.faults += base_faults(session)
    engine.dispose()
    outcome.writes.update(attempt.outcome for attempt in made)


def _read_its_log(server: Server) -> None:
    """Its lines are many here, and a pipe that nobody reads would stop it."""
    for stream in (server.process.stdout, server.process.stderr):
        if stream is not None:
            threading.Thread(target=stream.read, daemon=True).start()


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


def _end_while_nobody_asks(database: Database, server: Server, outcome: Outcome) -> None:
    """The first to ask afterwards, of either process, are answered."""
    for is_after in (False, True):  # before, so that both have connections
        if is_after:
            outcome.done["connections ended"] += database.end_connections(0)
        for number in range(QUIET_READS):
            answer = server.get(f"/claims?q=word{number}-{random.random()}")
            if answer.status_code != httpx.codes.OK:
                outcome.faults.append(f"a read after the fault: {answer.status_code}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    given = parser.parse_args()
    outcome = run(given.seconds, given.rounds, planted=given.planted)
    print(
        f"postgresql: {dict(outcome.done)} under {EDITORS} editors, an importer and {READERS} "
        f"readers over {WORKERS} workers in {outcome.seconds:.0f} s: reads "
        f"{dict(outcome.reads)}, writes {dict(outcome.writes)}, the slowest answer after "
        f"{outcome.slowest:.1f} s, {len(outcome.faults)} faults",
    )
    for line in outcome.faults[:10]:
        print(f"  {line}")
    return int(bool(outcome.faults) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
