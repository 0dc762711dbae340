"""A PostgreSQL and a replica that follows it by streaming, on loopback, for as long as a test."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from tests.postgresql import find_binaries, given_to_postgres, lasting_port, words_of_postgres
from tests.startup.servers import PATIENCE
from tests.torture.preloaded import children_of, is_alive


class PostgresServer:
    """A server of our own, named by its folder; started and stopped as often as wanted."""

    def __init__(self, folder: Path, name: str, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._data = folder / name
        self.name = name  # it is known to its primary by it
        self.port = lasting_port()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://claimbase@127.0.0.1:{self.port}/claimbase"

    def make(self) -> None:
        options = ["-U", "claimbase", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
        self._run("initdb", "-D", self._data, *options)

    def copy(self, primary: "PostgresServer") -> None:
        """Become its replica, as it is now."""
        source = ["-h", "127.0.0.1", "-p", primary.port, "-U", "claimbase"]
        rest = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        self._run("pg_basebackup", *source, "-D", self._data, *rest)

    def start(self, *settings: str) -> None:
        """``settings`` such as ``fsync=on`` stand over those of a test."""
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off "
            f"-c unix_socket_directories={self._folder} -c wal_level=replica "
            "-c max_connections=200 -c max_standby_streaming_delay=100ms "
            "-c wal_receiver_status_interval=1s -c wal_retrieve_retry_interval=200ms "
            f"-c cluster_name={self.name}"
        )
        options = " -c ".join([options, *settings])
        log = self._folder / f"{self._data.name}.log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """At once; nothing where it does not run."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """All of its processes; they may be killed meanwhile."""
        stopped = self._stop_processes()
        try:
            yield
        finally:
            for process in stopped:
                if is_alive(process):
                    os.kill(process, signal.SIGCONT)

    def kill(self) -> None:
        """As a machine dies: all of its processes in one moment, without a word to anybody."""
        lock = self._data / "postmaster.pid"
        processes, shared = self._stop_processes(), lock.read_text().splitlines()[6].split()[1]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        give_up_at = time.monotonic() + PATIENCE
        while any(is_alive(process) for process in processes):
            assert time.monotonic() < give_up_at, "it does not die"
            time.sleep(0.01)
        lock.unlink()
        if program := shutil.which("ipcrm"):  # otherwise it stays until the machine is started anew
            subprocess.run([program, "--shmem-id", shared], check=True)  # noqa: S603 - our own

    def remove(self) -> None:
        """What it had on its disk."""
        shutil.rmtree(self._data)

    def _stop_processes(self) -> list[int]:
        """The first of them before the others, so that it starts no more."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(first, signal.SIGSTOP)
        others = children_of(first)
        for process in others:
            os.kill(process, signal.SIGSTOP)
        return [first, *others]

    def ask(self, statement: str) -> Any:
        """The one value of a statement, if it has one, as the superuser.

        In a database beside ours: in ours, what is replayed could put an end to it.
        """
        beside = make_url(self.url).set(database="postgres")
        engine = create_engine(beside, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(statement))
                return result.scalar() if result.returns_rows else None
        finally:
            engine.dispose()

    def _run(self, program: str, *words: object) -> None:
        command = [*words_of_postgres(), str(self._binaries / program), *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)  # noqa: S603


class Pair:
    """A primary with a base, and its replica."""

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary = primary
        self.standby = standby

    def pause(self) -> None:
        """The replica receives, and applies nothing until it is told."""
        self.standby.ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self.standby.ask("SELECT pg_wal_replay_resume()")

    def has_caught_up(self) -> bool:
        position = self.primary.ask("SELECT pg_current_wal_flush_lsn()")
        return bool(self.standby.ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"))

    def wait_until_caught_up(self) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while not self.has_caught_up():
            assert time.monotonic() < give_up_at, "the replica does not catch up"
            time.sleep(0.05)


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Empty; what is written to the primary comes to the replica by streaming."""
    binaries = find_binaries()
    with tempfile.TemporaryDirectory(prefix="claimbase-pair-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        given_to_postgres(folder)
        primary = PostgresServer(folder, "primary", binaries)
        standby = PostgresServer(folder, "standby", binaries)
        try:
            primary.make()
            primary.start()
            primary.ask("CREATE DATABASE claimbase")
            standby.copy(primary)
            standby.start()
            yield Pair(primary, standby)
        finally:
            standby.stop()
            primary.stop()
