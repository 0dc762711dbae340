"""The service as harnesses run it: sound, or with a planted fault."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.startup.servers import PATIENCE, free_port
from tests.torture.connections import NO_ANSWER, Answer, Connection
from tests.torture.preloaded import is_alive, preloaded


class Served:
    """``pid`` is that of the service's first process."""

    def __init__(self, pid: int, base: str, log: Path) -> None:
        self.pid, self.base, self._log = pid, base, log

    def get(self, path: str) -> Answer:
        with Connection(self.base) as connection:
            return connection.get(path)

    def wait(self) -> None:
        wait_until_ready(self.pid, self.base, self._log)


def wait_until_ready(pid: int, base: str, log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE
    with Connection(base) as connection:
        while True:
            try:
                if connection.get("/health/ready").status_code == HTTPStatus.OK:
                    return
            except NO_ANSWER:
                pass
            is_lost = not is_alive(pid) or time.monotonic() > give_up_at
            assert not is_lost, log.read_text()
            time.sleep(0.02)


@contextmanager
def served(
    url: str, workers: int = 1, *, planted: str | None = None, **given: Any
) -> Iterator[Served]:
    """A service that answers, and is killed at the end; ``given`` are further settings.

    ``planted`` names a factory of ``tests.torture.planted``.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "service.log")
        pid = preloaded().start(log, planted, database_url=url, workers=workers, port=port, **given)
        try:
            served_ = Served(pid, f"http://127.0.0.1:{port}", log)
            served_.wait()
            yield served_
        finally:
            preloaded().kill(pid)
