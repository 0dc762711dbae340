"""Power cuts on SQLite: is every acknowledged write there, whatever was not synced?

``python -m tests.torture.power_cuts [--points 20000] [--writes 400] [--planted]``. Editors and an
importer write through the application while every write and sync of the files is recorded. Then
the files are made again as they may be after a power cut at random instants, opened, and checked.
The planted fault is ``synchronous = NORMAL``, which leaves out the sync of a commit.
"""

import argparse
import hashlib
import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlalchemy.exc import DatabaseError

from app.config import Settings
from app.db import make_engine, make_sessions, sqlite_driver
from app.main import create_app
from tests.accounts import bearer, key_of
from tests.torture.disks import Disk, Recording, recording
from tests.torture.writers import (
    Attempt,
    BatchImporter,
    Editor,
    base_faults,
    disagreements,
    note_answer,
    prepare_small_base,
    tokens_in,
)

EDITORS = 3
# Smaller than SQLite's own 1000, so that checkpoints and new -wal files are often cut.
PAGES_TO_CHECKPOINT = 150


@dataclass(slots=True)
class Write:
    """An attempt, and how long the log was when its answer came."""

    attempt: Attempt
    answered: int | None = None


@dataclass
class Outcome:
    points: int = 0
    steps: int = 0
    syncs: int = 0
    states: int = 0  # different ones, after recovery
    lost: int = 0  # points that lack something acknowledged
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(slots=True)
class State:
    """A base as it was found once."""

    tokens: dict[str, Counter[int]]
    faults: list[str]


def run(points: int, writes: int, *, planted: bool = False, seed: int = 1) -> Outcome:
    outcome, begun = Outcome(points=points), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = folder / "base.db"
        prepare_small_base(f"sqlite:///{base}", folder)
        before = {str(base): bytearray(base.read_bytes())}
        assert not base.with_name("base.db-wal").exists()
        log, made = _record(base, writes, planted=planted, seed=seed)
        outcome.steps = len(log.steps)
        outcome.syncs = sum(step.kind == "sync" for step in log.steps)
        outcome.counts = Counter(write.attempt.outcome for write in made)
        outcome.faults += [
            f"{name} {number} times"
            for name, number in outcome.counts.items()
            if name.startswith("unexpected")
        ]
        _replay(Disk(log.steps, dict(before)), base, made, outcome, random.Random(seed))
    outcome.seconds = time.monotonic() - begun
    return outcome


def _record(base: Path, writes: int, *, planted: bool, seed: int) -> tuple[Recording, list[Write]]:
    made: list[Write] = []
    with recording(base) as log:
        engine = make_engine(f"sqlite:///{base}")
        event.listen(engine, "connect", _set_for_cuts)
        if planted:
            event.listen(engine, "connect", _set_normal)
        sessions = make_sessions(engine)
        headers = bearer(key_of(sessions))
        application = create_app(Settings(), sessions=sessions)
        with TestClient(application) as client:
            client.headers.update(headers)
            left = iter(range(writes))
            lock = threading.Lock()

            def work(writer: Editor) -> None:
                while True:
                    with lock:
                        if next(left, None) is None:
                            return
                    write = Write(writer.attempt())
                    made.append(write)
                    request: Any = writer.request(client, write.attempt)
                    note_answer(write.attempt, client.send(request) if request else None)
                    write.answered = len(log.steps)

            writers = [
                Editor(f"editor-{number}", random.Random(f"{seed}-{number}"))
                for number in range(EDITORS)
            ]
            writers.append(BatchImporter("importer", random.Random(seed)))
            threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        engine.dispose()
    return log, made


def _set_for_cuts(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_CHECKPOINT}")


def _set_normal(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


def _replay(
    disk: Disk, base: Path, made: list[Write], outcome: Outcome, luck: random.Random
) -> None:
    known: dict[str, State] = {}
    engine = make_engine(f"sqlite:///{base}")
    instants = sorted(luck.randrange(len(disk.steps) + 1) for _ in range(outcome.points))
    for instant in instants:
        disk.go_to(instant)
        for path in base.parent.glob("base.db*"):
            path.unlink()
        for name, content in disk.cut(luck).items():
            Path(name).write_bytes(content)
        try:
            digest = _recovered(base)
        except sqlite_driver.Error as error:
            outcome.faults.append(f"after step {instant} the base does not open: {error}")
            continue
        if digest not in known:
            known[digest] = _look_at(engine)
            outcome.faults += known[digest].faults
        seen = [_as_of(write, instant) for write in made]
        wrong = list(disagreements(seen, known[digest].tokens))
        outcome.lost += bool(wrong)
        outcome.faults += [f"after step {instant}: {fault}" for fault in wrong]
    outcome.states = len(known)


def _recovered(base: Path) -> str:
    """Open the base as anybody would, bring all into one file, and say which state it is."""
    connection = sqlite_driver.connect(base, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    with base.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _look_at(engine: Engine) -> State:
    try:
        with make_sessions(engine).read() as session:
            damage = session.connection().exec_driver_sql("PRAGMA integrity_check").scalars()
            faults = [f"integrity_check: {line}" for line in damage if line != "ok"]
            return State(tokens_in(session), faults or base_faults(session))
    except DatabaseError as error:
        return State({}, [f"the base cannot be read: {error.orig}"])
    finally:
        engine.dispose()  # the next base has the same name


def _as_of(write: Write, instant: int) -> Attempt:
    """What was known of the write at this instant: before its answer it is unknown."""
    attempt = write.attempt
    is_known = write.answered is not None and write.answered <= instant
    if is_known and attempt.outcome in {"acknowledged", "refused"}:
        return attempt
    return Attempt(attempt.token, attempt.parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--writes", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", action="store_true", help="with the fault: has to be found")
    given = parser.parse_args()
    outcome = run(given.points, given.writes, planted=given.planted, seed=given.seed)
    print(
        f"{outcome.points} power cuts in a log of {outcome.steps} steps with {outcome.syncs} "
        f"syncs, of {given.writes} writes {dict(outcome.counts)}: {outcome.states} states found, "
        f"{outcome.lost} cuts that contradict an answer, {len(outcome.faults)} faults, "
        f"{outcome.seconds:.0f} s",
    )
    for fault in outcome.faults[:20]:
        print(f"  {fault}")
    return int(bool(outcome.faults) is not given.planted)


if __name__ == "__main__":
    raise SystemExit(main())
