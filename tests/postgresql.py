"""``python -m tests.postgresql``: pytest on a PostgreSQL server that lives for the run.

``--run MODULE ...`` runs another module of ours instead.

The server's own binaries are used, as the user postgres where we are root (PostgreSQL
refuses to run as root). It listens on a free loopback port and is stopped at the end.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom


def find_binaries() -> Path:
    """The folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise SystemExit("No PostgreSQL server is installed (Debian: apt-get install postgresql).")


def lasting_port() -> int:
    """For a server that may be stopped and started again: not one of those that the system gives
    to clients, who could have it meanwhile."""
    while True:
        port = SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def words_of_postgres() -> list[str]:
    """What a command of the server begins with: as root it is run as the user postgres."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def given_to_postgres(folder: Path) -> None:
    """The folder belongs to who runs the server."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a new server with a superuser and without a password, on loopback only."""
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="claimbase-pg-"))
    given_to_postgres(folder)
    data, port = folder / "data", lasting_port()

    def run(*words: str | Path) -> None:
        command = [*words_of_postgres(), *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)  # noqa: S603

    try:
        run(
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "claimbase",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
        )
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} "
            "-c fsync=off -c max_connections=200"
        )
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        yield f"postgresql+psycopg://claimbase@127.0.0.1:{port}/postgres"
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    with running_server() as url:
        environment = os.environ | {"CLAIMBASE_TEST_DATABASE_URL": url}
        is_other = arguments[:1] == ["--run"]
        words = arguments[1:] if is_other else ["pytest", *arguments]
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, check=False, env=environment).returncode  # noqa: S603


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
