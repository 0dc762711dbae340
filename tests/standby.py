"""A PostgreSQL and a replica that follows it by streaming, on loopback, for as long as a test."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from tests.postgresql import find_binaries, given_to_postgres, words_of_postgres
from tests.startup.servers import PATIENCE, free_port


class PostgresServer:
    """A server of our own, named by its folder; started and stopped as often as wanted."""

    def __init__(self, folder: Path, name: str, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._data = folder / name
        self.port = free_port()

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

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off "
            f"-c unix_socket_directories={self._folder} -c wal_level=replica "
            "-c max_connections=200 -c max_standby_streaming_delay=100ms "
            "-c wal_receiver_status_interval=1s -c wal_retrieve_retry_interval=200ms"
        )
        log = self._folder / f"{self._data.name}.log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """At once; nothing where it does not run."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

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
