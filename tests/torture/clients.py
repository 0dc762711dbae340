"""Editors, an importer and readers that do not stop, and judge every answer.

While a database fails, an answer is right, or 503 with ``Retry-After``; one that has begun is cut
off, never ended as if it were whole. Each request is answered somehow.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.accounts import bearer
from tests.startup.servers import PATIENCE
from tests.torture.connections import KEPT_OPEN
from tests.torture.services import Served
from tests.torture.writers import Attempt, BatchImporter, Editor, note_answer

EDITORS, READERS = 3, 2
ENDS = {"content-length", "transfer-encoding"}
PATHS = ("/conditions/milia", "/claims?facet=type", "/claims?q=milia", "/conflicts", "/changes")


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

    def __init__(self, server: Served, key: str, outcome: Outcome, name: str) -> None:
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
    def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
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
        told = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        if answer.headers.keys().isdisjoint(ENDS):
            self._outcome.faults.append(f"{told} does not say where it ends")
        if not answer.is_server_error:
            return
        self.refused += 1
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self._outcome.faults.append(f"{told} {answer.text[:200]}")
        elif "retry-after" not in answer.headers:
            self._outcome.faults.append(f"{told} without Retry-After")

    def _client(self, headers: dict[str, str]) -> httpx.Client:
        return client_of(self._server, headers)


def client_of(server: Served, headers: dict[str, str] | None = None) -> httpx.Client:
    """It lets go of an idle connection before the service does.

    A request that meets a connection which is just being closed has no answer, and that is
    nobody's fault.
    """
    limits = httpx.Limits(keepalive_expiry=KEPT_OPEN)
    return httpx.Client(base_url=server.base, headers=headers, timeout=PATIENCE, limits=limits)
