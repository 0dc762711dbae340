"""``kill -9`` of the service, or of one worker, at random moments while it is written to.

``python -m tests.torture.kills [--cycles 1000] [--planted chunked_import|hasty_answer]``; the base
is SQLite, or one of the server that ``CLAIMBASE_TEST_DATABASE_URL`` names, which is not killed.
Four editors and an importer never stop. A killed service is started again by the same command;
a killed worker is replaced by the service. After each kill the base is checked.
"""

import argparse
import os
import random
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app.db import Sessions, make_engine, make_sessions
from tests.accounts import bearer, key_of
from tests.databases import SERVER, new_database
from tests.startup.servers import PATIENCE
from tests.torture.connections import NO_ANSWER, Connection
from tests.torture.preloaded import children_of, preloaded
from tests.torture.services import wait_until_ready
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

EDITORS, WORKERS = 4, 2
CYCLES_OF_A_BASE = 20  # then a new one, so that a check stays short
LONGEST_LIFE = 0.5  # seconds between a service that answers and the kill
REPEATS = 3
PLANTED = {"chunked_import": "create_chunked_app", "hasty_answer": "create_hasty_app"}


@dataclass
class Outcome:
    services: int = 0  # killed as a whole
    workers: int = 0  # killed alone
    repeated: int = 0  # writes whose answer was asked for again by their key
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Service:
    """The service in a group of processes of its own, on one port in all its lives."""

    def __init__(self, folder: Path, planted: str | None, **given: Any) -> None:
        self._port = _port_nobody_connects_from()
        self._log = folder / "service.log"
        self._given = given | {"workers": WORKERS, "port": self._port}
        self._factory = PLANTED[planted] if planted else None
        self.base = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        self._process = preloaded().start(self._log, self._factory, **self._given)

    def wait(self) -> None:
        wait_until_ready(self._process, self.base, self._log)

    def kill(self) -> None:
        preloaded().kill(self._process)

    def kill_worker(self, luck: random.Random) -> None:
        """And wait until there is another process in its place."""
        before = children_of(self._process)
        os.kill(luck.choice(before), signal.SIGKILL)
        give_up_at = time.monotonic() + PATIENCE
        while not set(children_of(self._process)) - set(before):
            assert time.monotonic() < give_up_at, "the worker is not replaced"
            time.sleep(0.01)


def _port_nobody_connects_from() -> int:
    """Not one of those that the system gives to clients.

    One that connects again and again to such a port, while nobody listens, is once given that
    very port and then talks to itself, and the service finds it in use.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class Round:
    """One base, its service and those who write to it."""

    sessions: Sessions
    service: Service
    outcome: Outcome
    made: list[Attempt] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def write(self, writer: Editor, key: str) -> None:
        """What a thread does: a write whose answer does not come is sent again by its key."""
        with Connection(self.service.base, bearer(key)) as client:
            while not self.is_over.is_set():
                attempt = writer.attempt()
                try:
                    request: Any = writer.request(client, attempt)
                except NO_ANSWER:
                    self.is_over.wait(0.02)
                    continue
                self.made.append(attempt)
                try:
                    note_answer(attempt, client.send(request) if request else None)
                except NO_ANSWER:
                    self._repeat(client, attempt, request)

    def _repeat(self, client: Connection, attempt: Attempt, request: Any) -> None:
        for _ in range(REPEATS):
            self.is_over.wait(0.3)
            try:
                answer = client.send(request)
            except NO_ANSWER:
                continue
            self.outcome.repeated += 1
            # A refusal is of the second request: of the first nothing is known.
            if answer.is_success:
                attempt.outcome = "acknowledged"
            elif answer.is_server_error and answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                note_answer(attempt, answer)
            return

    def acknowledged(self) -> int:
        return sum(attempt.outcome == "acknowledged" for attempt in list(self.made))

    def wait_for_progress(self, known: int) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while self.acknowledged() <= known:
            assert time.monotonic() < give_up_at, "nothing is acknowledged"
            time.sleep(0.005)

    def check(self) -> None:
        """What was answered before now has to be there; what was not may be."""
        known = [replace(attempt) for attempt in list(self.made)]
        with self.sessions.read() as session:
            found = tokens_in(session)
            self.outcome.faults += base_faults(session)
        answered = {attempt.token for attempt in known}
        later = {token: parts for token, parts in found.items() if token in answered}
        self.outcome.faults += disagreements(known, later)


def run(cycles: int, *, planted: str | None = None, seed: int = 1) -> Outcome:
    outcome, begun = Outcome(), time.monotonic()
    luck = random.Random(seed)
    for first in range(0, cycles, CYCLES_OF_A_BASE):
        with tempfile.TemporaryDirectory() as name:
            url = new_database("kills", Path(name))
            seed_file = prepare_small_base(url, Path(name))
            service = Service(Path(name), planted, database_url=url, seed_file=seed_file)
            try:
                number = min(CYCLES_OF_A_BASE, cycles - first)
                _run_round(url, service, number, outcome, luck)
            finally:
                service.kill()
        if outcome.faults:
            break
    outcome.seconds = time.monotonic() - begun
    return outcome


def _run_round(
    url: str, service: Service, cycles: int, outcome: Outcome, luck: random.Random
) -> None:
    engine = make_engine(url)
    sessions = make_sessions(engine)
    key = key_of(sessions)
    service.wait()
    this = Round(sessions, service, outcome)
    with _writing(this, key, luck):
        for _ in range(cycles):
            _cycle(this, luck)
            if outcome.faults:
                break  # what is wrong stays wrong in this base
    service.kill()
    with sessions.read() as session:
        outcome.faults += disagreements(this.made, tokens_in(session))
    outcome.faults = list(dict.fromkeys(outcome.faults))
    outcome.counts.update(attempt.outcome for attempt in this.made)
    engine.dispose()


@contextmanager
def _writing(this: Round, key: str, luck: random.Random) -> Iterator[None]:
    writers = [
        Editor(f"editor-{number}", random.Random(luck.random())) for number in range(EDITORS)
    ]
    writers.append(BatchImporter("importer", random.Random(luck.random())))
    threads = [threading.Thread(target=this.write, args=(writer, key)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        this.is_over.set()
        for thread in threads:
            thread.join()


def _cycle(this: Round, luck: random.Random) -> None:
    this.wait_for_progress(this.acknowledged())
    time.sleep(luck.uniform(0, LONGEST_LIFE))
    if luck.random() < 0.5:
        this.service.kill_worker(luck)
        this.outcome.workers += 1
    else:
        this.service.kill()
        this.outcome.services += 1
        this.service.start()
    this.check()
    this.service.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", choices=PLANTED, help="with the fault: has to be found")
    given = parser.parse_args()
    outcome = run(given.cycles, planted=given.planted, seed=given.seed)
    print(
        f"{'sqlite' if SERVER is None else 'postgresql'}: {outcome.services} kills of the service "
        f"and {outcome.workers} of a worker, {EDITORS} editors and an importer over {WORKERS} "
        f"workers, {dict(outcome.counts)}, {outcome.repeated} asked again: "
        f"{len(outcome.faults)} faults, {outcome.seconds:.0f} s",
    )
    for fault in outcome.faults[:20]:
        print(f"  {fault}")
    return int(bool(outcome.faults) is (given.planted is None))


if __name__ == "__main__":
    raise SystemExit(main())
