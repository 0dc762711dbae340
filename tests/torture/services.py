"""The service as harnesses run it: sound, or with a planted fault."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import ROOT
from tests.startup.servers import Server, free_port, serving, settings


@contextmanager
def served(
    url: str, workers: int = 1, *, planted: str | None = None, **given: Any
) -> Iterator[Server]:
    """A service that answers; ``planted`` names a factory of ``tests.torture.planted``.

    ``given`` are further settings.
    """
    if planted is None:
        with serving(database_url=url, workers=workers, **given) as server:
            server.wait()
            yield server
        return
    port = free_port()
    quiet = ["--no-access-log", "--log-level", "warning"]
    words = [f"tests.torture.planted:{planted}", "--factory", "--port", str(port), *quiet]
    # A file: a pipe that nobody reads would fill and stop the service.
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "uvicorn", *words, "--workers", str(workers)],
            cwd=ROOT,
            env=settings(database_url=url, **given),
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        server = Server(process, port, [log, log])
        try:
            server.wait()
            yield server
        finally:
            server.stop()
