"""Our own program in a process of its own, on a free loopback port."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx

from app.cli import main
from app.config import get_settings
from tests.conftest import ROOT

PATIENCE = 60  # seconds; a machine under load is slow
# A process that has imported everything, which takes longer than most commands.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


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


def run(*words: str, **given: Any) -> Ended:
    """Run the program to its end, in a process that has imported it already."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "out"), Path(folder, "err")
        process = _forks.Process(target=_become, args=(words, settings(**given), *said))
        process.start()
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            process.join()
        out, err = (file.read_text() for file in said)
        assert process.exitcode is not None
        return Ended(process.exitcode, out, err)


def _become(words: Sequence[str], environment: dict[str, str], out: Path, err: Path) -> None:
    for own, file in enumerate((out, err), start=1):
        with file.open("w") as opened:
            os.dup2(opened.fileno(), own)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()
    sys.argv = ["claimbase", *words]
    main()


def run_release(folder: Path, *words: str, **given: Any) -> Ended:
    """Run the ``python -m app`` of another folder to its end."""
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
    """``logs``: what it writes to stdout and stderr, where these are no pipes."""

    def __init__(
        self, process: "subprocess.Popen[str]", port: int, logs: Sequence[IO[str]] = ()
    ) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self._logs = logs

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.base}{path}", timeout=PATIENCE)

    def wait(self) -> None:
        """Until it answers."""
        give_up_at = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.stop()
            try:
                if self.get("/health/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < give_up_at, "the server does not answer"
            time.sleep(0.1)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> Ended:
        if self.process.poll() is None:
            self.process.send_signal(sent)
        said: Iterable[str] = self.process.communicate(timeout=PATIENCE)
        if self._logs:
            for log in self._logs:
                log.seek(0)
            said = [log.read() for log in self._logs]
        return Ended(self.process.returncode, *said)


@contextmanager
def serving(**given: Any) -> Iterator[Server]:
    """A server that was started but need not answer yet; it is stopped at the end."""
    port = free_port()
    # Files: a pipe that nobody reads would fill and stop the service.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env=settings(port=port, **given),
            stdout=out,
            stderr=err,
            text=True,
        )
        server = Server(process, port, [out, err])
        try:
            yield server
        finally:
            if process.poll() is None:
                server.stop()
