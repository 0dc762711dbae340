"""A disk that is full, or fails, at each write and sync that an edit and an import make.

``python -m tests.torture.storage [--step 1] [--planted]``, on SQLite. The disk refuses the write
of this number and all that follow. The answer has to be 507, or 503 where the disk failed, and
nothing may have changed; where the failure came after the commit, the write is acknowledged and
there. Reads go on, and the same request succeeds without a restart as soon as there is room. The
planted fault is an answer that is sent before the commit.
"""

import argparse
import logging
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from app.config import Settings
from app.db import Sessions, make_engine, make_sessions
from app.main import create_app
from tests.accounts import bearer, key_of
from tests.torture.disks import Recording, recording
from tests.torture.planted import answer_hastily
from tests.torture.writers import (
    BatchImporter,
    Editor,
    base_faults,
    prepare_small_base,
    tokens_in,
)

# What SQLite makes of ENOSPC, and of EIO at a write and at a sync.
FULL, FAILED_WRITE, FAILED_SYNC = 13, 778, 1034
MOST_WRITES = 500  # of one request


@dataclass
class Outcome:
    failures: int = 0
    refused: dict[int, int] = field(default_factory=dict)  # by the kind of failure
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(step: int = 1, *, planted: bool = False) -> Outcome:
    """A failure at every ``step``-th write and sync."""
    outcome, begun = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base.db"
        url = f"sqlite:///{base}"
        prepare_small_base(url, Path(name))
        with recording(base) as disk:
            engine = make_engine(url)
            sessions = make_sessions(engine)
            headers = bearer(key_of(sessions))
            application = create_app(Settings(), sessions=sessions)
            if planted:
                answer_hastily(application)
            with TestClient(application, raise_server_exceptions=False) as client:
                client.headers.update(headers)
                this = _Trial(disk, client, sessions, outcome)
                for failure in (FULL, FAILED_WRITE, FAILED_SYNC):
                    for writer in (_editor(), BatchImporter(f"i{failure}", random.Random(1))):
                        this.fail_at_each(writer, failure, step)
            with sessions.read() as session:
                outcome.faults += base_faults(session)
            engine.dispose()
    outcome.seconds = time.monotonic() - begun
    return outcome


def _editor() -> Editor:
    return Editor(f"e{time.monotonic_ns()}", random.Random(1))


@dataclass
class _Trial:
    disk: Recording
    client: Any
    sessions: Sessions
    outcome: Outcome

    def fail_at_each(self, writer: Editor, failure: int, step: int) -> None:
        kind = "sync" if failure == FAILED_SYNC else "write"
        number = 1
        while number < MOST_WRITES:
            attempt = writer.attempt()
            request = writer.request(self.client, attempt)
            is_met = self._break(kind, failure, number)
            answer: Any = self.client.send(request)
            read = self.client.get("/claims")
            self.disk.failure = lambda _: 0
            if not is_met():
                return
            self.outcome.failures += 1
            when = f"failure {failure} at {kind} {number}"
            self._judge(when, failure, answer, attempt.token)
            if read.status_code != httpx.codes.OK:
                self.outcome.faults.append(f"{when}: a read was answered {read.status_code}")
            again = self.client.send(request)
            if not again.is_success:
                self.outcome.faults.append(f"{when}: {again.status_code} when there was room")
            number += step

    def _break(self, kind: str, failure: int, number: int) -> Any:
        """From the write or sync of this number on; what is returned tells whether it came."""
        seen = 0

        def fail(what: str) -> int:
            nonlocal seen
            seen += what == kind
            return failure if what == kind and seen >= number else 0

        self.disk.failure = fail
        return lambda: seen >= number

    def _judge(self, when: str, failure: int, answer: Any, token: str) -> None:
        expected = httpx.codes.INSUFFICIENT_STORAGE if failure == FULL else 503
        with self.sessions.read() as session:
            is_there = token in tokens_in(session)
        if answer.is_success and is_there:
            return
        if answer.status_code == expected and not is_there:
            self.outcome.refused[failure] = self.outcome.refused.get(failure, 0) + 1
            return
        found = "is there" if is_there else "is not there"
        self.outcome.faults.append(f"{when}: {answer.status_code}, and {token} {found}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    given = parser.parse_args()
    if given.planted:
        logging.disable()  # each failure is told at length, and is meant
    outcome = run(given.step, planted=given.planted)
    refused = outcome.refused
    print(
        f"{outcome.failures} failures of the disk: {refused.get(FULL, 0)} writes refused for "
        f"room, {refused.get(FAILED_WRITE, 0)} for a failed write, {refused.get(FAILED_SYNC, 0)} "
        f"for a failed sync: {len(outcome.faults)} faults, {outcome.seconds:.0f} s",
    )
    for fault in outcome.faults[:20]:
        print(f"  {fault}")
    return int(bool(outcome.faults) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
