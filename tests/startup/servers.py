"""Our own program in a process of its own, on a free loopback port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.conftest import ROOT

PATIENCE = 60  # seconds; a machine under load is slow


class Ended(NamedTuple):
    returncode: int
    out: str
    err: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings(**given: Any) -> dict[str, str]:
    """The environment with these settings and none of the caller's."""
    kept = {name: value for name, value in os.environ.items() if "CLAIMBASE_" not in name}
    return kept | {f"CLAIMBASE_{name.upper()}": str(value) for name, value in given.items()}


def run(*words: str, folder: Path = ROOT, **given: Any) -> Ended:
    """Run ``python -m app`` to its end."""
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "app", *words],
        cwd=folder,
        env=settings(**given),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


class Server:
    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", timeout=PATIENCE)

    def wait(self) -> None:
        """Until it answers."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.process.communicate()
            try:
                if self.get("/health/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < give_up_at, "the server does not answer"
            time.sleep(0.1)

    def stop(self) -> Ended:
        if self.process.poll() is None:
            self.process.terminate()
        out, err = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.returncode, out, err)


@contextmanager
def serving(**given: Any) -> Iterator[Server]:
    """A server that was started but need not answer yet; it is stopped at the end."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        cwd=ROOT,
        env=settings(port=port, **given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    server = Server(process, port)
    try:
        yield server
    finally:
        if process.poll() is None:
            server.stop()
