"""Backups of a base that is written all the time: each is one committed state, or is refused.

``python -m tests.torture.backups [--cycles 200] [--planted]``. In each cycle a backup is made,
restored and checked; one bit of it, or of its manifest, is flipped; and another backup is killed
at a random moment. The planted fault copies the file as other programs would.
"""

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from app import backups
from app.backups import BackupError, back_up, manifest_path, restore, verify
from app.db import make_engine, make_sessions
from app.models import Change
from app.queries.check import check_base
from app.startup import prepare
from app.vocabulary import load_vocabulary
from tests.accounts import key_of
from tests.conftest import SEED_FILE
from tests.startup.servers import PATIENCE
from tests.torture.options import asked, verdict
from tests.torture.preloaded import is_alive, preloaded

LONGEST_LIFE = 0.1  # seconds, after the copy was begun


@dataclass
class Outcome:
    backups: int = 0
    flipped: int = 0
    killed: int = 0
    unfinished: int = 0  # of the killed ones
    commits: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class Writer:
    """Commits without a pause while it is wanted; ``committed`` has the last change after each."""

    url: str
    committed: list[tuple[int, str]] = field(default_factory=list)
    is_wanted: threading.Event = field(default_factory=threading.Event)
    is_enough: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        engine = make_engine(self.url)
        sessions = make_sessions(engine)
        while not self.is_enough.is_set():
            if not self.is_wanted.wait(timeout=0.1):
                continue
            key_of(sessions, name=f"writer-{len(self.committed)}")
            with sessions.read() as session:
                last = select(Change.number, Change.digest).order_by(Change.number.desc())
                number, digest = session.execute(last.limit(1)).one()
            self.committed.append((number, digest))
        engine.dispose()

    def wait(self) -> int:
        """The last change that was acknowledged, once there is a new one."""
        known = len(self.committed)
        give_up_at = time.monotonic() + PATIENCE
        while len(self.committed) <= known:
            assert time.monotonic() < give_up_at, "the writer does not write"
            time.sleep(0.001)
        return self.committed[-1][0]


def run(cycles: int, *, planted: bool = False, seed: int = 1) -> Outcome:
    outcome, chance = Outcome(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name, _copying(planted=planted):
        folder = Path(name)
        url = f"sqlite:///{folder / 'base.db'}"
        prepare(url, SEED_FILE)
        writer = Writer(url)
        thread = threading.Thread(target=writer.run)
        thread.start()
        try:
            for number in range(cycles):
                own = folder / str(number)
                own.mkdir()
                _cycle(own, writer, outcome, chance)
                shutil.rmtree(own)
        finally:
            writer.is_enough.set()
            thread.join()
        outcome.commits = len(writer.committed)
    return outcome


@contextmanager
def _copying(*, planted: bool) -> Iterator[None]:
    sound = backups._copy_base  # noqa: SLF001 - to plant a fault in it
    if planted:
        vars(backups)["_copy_base"] = shutil.copyfile  # without what is in the -wal
    yield
    vars(backups)["_copy_base"] = sound


def _cycle(folder: Path, writer: Writer, outcome: Outcome, chance: random.Random) -> None:
    file = folder / "one.db"
    writer.is_wanted.set()
    acknowledged = writer.wait()
    outcome.backups += 1
    try:
        last = back_up(writer.url, file)["last_change"]
    except BackupError as error:
        outcome.faults.append(f"no backup: {error}")
        return
    writer.wait()
    writer.is_wanted.clear()
    if (last["number"], last["digest"]) not in writer.committed:
        outcome.faults.append(f"the state at {last['number']} was never committed")
    if last["number"] < acknowledged:
        outcome.faults.append(f"{acknowledged} was acknowledged, {last['number']} is kept")
    _restore(file, folder / "new.db", outcome)
    for path in (file, manifest_path(file)):
        _flip(file, path, outcome, chance)
    _kill(folder / "killed", writer, outcome, chance)


def _restore(file: Path, base: Path, outcome: Outcome) -> None:
    url = f"sqlite:///{base}"
    restore(file, url)
    engine = make_engine(url)
    with make_sessions(engine).read() as session:
        outcome.faults += check_base(session, load_vocabulary(), lambda _: None)
    engine.dispose()


def _flip(file: Path, path: Path, outcome: Outcome, chance: random.Random) -> None:
    outcome.flipped += 1
    content = bytearray(path.read_bytes())
    place, bit = chance.randrange(len(content)), 1 << chance.randrange(8)
    content[place] ^= bit
    path.write_bytes(content)
    if _is_accepted(file):
        outcome.faults.append(f"byte {place} of {path.name} was changed, and nobody saw it")
    content[place] ^= bit
    path.write_bytes(content)


def _kill(folder: Path, writer: Writer, outcome: Outcome, chance: random.Random) -> None:
    folder.mkdir()
    file = folder / "one.db"
    process = preloaded().start(
        folder.parent / "backup.log", words=("backup", str(file)), database_url=writer.url
    )
    give_up_at = time.monotonic() + PATIENCE
    while is_alive(process) and not any(folder.iterdir()):
        assert time.monotonic() < give_up_at, "the backup does not begin"
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, LONGEST_LIFE))
    preloaded().kill(process)
    outcome.killed += 1
    if manifest_path(file).exists():
        _restore(file, folder / "new.db", outcome)
        return
    outcome.unfinished += 1
    if any(_is_accepted(path) for path in folder.iterdir()):
        outcome.faults.append("a backup that was not finished looks good")


def _is_accepted(file: Path) -> bool:
    try:
        verify(file)
    except BackupError:
        return False
    return True


def main() -> int:
    given = asked(__doc__, cycles=200, seed=1)
    outcome = run(given.cycles, planted=given.planted, seed=given.seed)
    print(
        f"{outcome.backups} backups under {outcome.commits} commits, {outcome.flipped} flipped "
        f"bits, {outcome.killed} killed ({outcome.unfinished} before they were done): "
        f"{len(outcome.faults)} faults",
    )
    return verdict(outcome.faults, planted=given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
