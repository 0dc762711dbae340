"""The service as forks of a process that has imported it: a start takes a tenth of the time.

``Preloaded`` runs this module as a program. For each line of settings that it reads it forks a
process that leads a group of its own and calls ``python -m app serve``, or another command; it
answers with the id. Only the imports, and the making of the OpenAPI document, are done once for
all of them.
"""

import atexit
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn._subprocess

import app.main as wiring
from app.cli import main as main_of_app
from app.config import get_settings
from tests.apps import document
from tests.conftest import ROOT
from tests.startup.servers import PATIENCE, settings
from tests.torture import planted as faults

sound_factory = wiring.create_app


class Preloaded:
    """Starts services; at its end all of them are killed."""

    def __init__(self) -> None:
        self._started: set[int] = set()
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.preloaded"],
            cwd=ROOT,
            env=settings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self,
        log: Path,
        planted: str | None = None,
        words: Sequence[str] = ("serve",),
        **given: Any,
    ) -> int:
        """The id of the process, which is its group's; ``planted`` names a factory.

        Its temporary files are beside its log: who is killed leaves them.
        """
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        environment = settings(**given) | {"TMPDIR": str(log.parent)}
        wish = {"log": str(log), "planted": planted, "settings": environment, "words": words}
        self._program.stdin.write(json.dumps(wish) + "\n")
        self._program.stdin.flush()
        process = int(self._program.stdout.readline())
        self._started.add(process)
        return process

    def kill(self, process: int) -> None:
        """The whole group; and wait until all of it is gone, and with it what it held open."""
        if process not in self._started:
            return
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process, signal.SIGKILL)
        give_up_at = time.monotonic() + PATIENCE
        while any(group == process for group in _living_groups()):
            assert time.monotonic() < give_up_at, "it does not die"
            time.sleep(0.002)
        self._started.discard(process)

    def stop(self) -> None:
        for process in tuple(self._started):
            self.kill(process)
        self._program.communicate(timeout=PATIENCE)


@cache
def preloaded() -> Preloaded:
    """The one of this process, which ends with it."""
    program = Preloaded()
    atexit.register(program.stop)
    return program


def is_alive(process: int) -> bool:
    return _group_of(process) is not None


def _group_of(process: int | str) -> int | None:
    """None where there is no such process, or what is left of it holds nothing open."""
    folder = Path("/proc", str(process))
    try:
        state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        threads = len(list((folder / "task").iterdir()))
    except OSError:
        return None
    # The first thread may be dead while others still hold the files.
    is_gone = state in {"Z", "X"} and threads <= 1
    return None if is_gone else int(group)


def _living_groups() -> Iterator[int | None]:
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            yield _group_of(path.name)


def children_of(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead need not be waited for
    document()
    for line in sys.stdin:
        wish = json.loads(line)
        process = os.fork()
        if process == 0:
            _serve(wish)
        print(process, flush=True)


def _serve(wish: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    with Path(wish["log"]).open("w") as log:
        for own in (1, 2):
            os.dup2(log.fileno(), own)
    os.environ.clear()
    os.environ.update(wish["settings"])
    get_settings.cache_clear()
    tempfile.tempdir = None  # to be looked up anew
    factory = getattr(faults, wish["planted"]) if wish["planted"] else sound_factory

    def create_described() -> Any:
        made = factory()
        made.openapi_schema = document()
        return made

    vars(wiring)["create_app"] = create_described
    vars(uvicorn._subprocess)["spawn"] = multiprocessing.get_context("fork")  # noqa: SLF001 - workers of the same kind
    sys.argv = ["claimbase", *wish["words"]]
    code: Any = 1
    try:
        main_of_app()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - this process is a fork, and ends here whatever happens
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    main()
