"""Bases of a given size: made once by the real import, found again by their name.

``python -m bench.bases --claims 10000 100000 1000000 --bases FOLDER``. A base holds the seed
(milia) and the generated claims. It is brought to the present schema whenever it is taken; the
benchmarks edit single claims of it and add an account. A million claims take a quarter of an
hour and 4 GB, once more while they are made.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from app.bulk import Importer, look_less_for_garbage, run_import
from app.config import ROOT
from app.db import make_engine, make_sessions
from app.startup import prepare
from app.vocabulary import load_vocabulary
from bench.generator import digest, lines

SEED = ROOT / "data" / "seed.json"
ENDINGS = ("", "-wal", "-shm")


class Base(NamedTuple):
    claims: int
    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    @property
    def report_file(self) -> Path:
        """What its import said of itself, as JSON."""
        return self.path.with_suffix(".json")

    @property
    def megabytes(self) -> float:
        return self.path.stat().st_size / 1e6


def default_folder() -> Path:
    return Path(tempfile.gettempdir()) / "claimbase-bases"


def base_of(claims: int, folder: Path) -> Base:
    """The base of this size, made where it is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Base(claims, folder / f"claims-{claims}-{digest()}.db")
    if not found.path.exists():
        made = Base(claims, found.path.with_suffix(".part"))
        for ending in ENDINGS:
            made.path.with_name(made.path.name + ending).unlink(missing_ok=True)
        report = _make(made)
        found.report_file.write_text(json.dumps(report), encoding="utf-8")
        made.path.rename(found.path)  # the last connection took the log into the file
        print(f"{claims:,} claims imported in {report['seconds']:.0f} s", file=sys.stderr)
    prepare(found.url, SEED)
    return found


def _make(base: Base) -> dict[str, Any]:
    prepare(base.url, SEED)
    with lines_in_a_file(base.claims, base.path.parent) as file:
        return imported(base.url, file)


def imported(url: str, file: Path) -> dict[str, Any]:
    """Import a file in a process of its own; its report, with the seconds that it took and the
    most memory that the process had before and after, in KiB."""
    command = [sys.executable, "-m", "bench.bases", "--into", url, "--lines", str(file)]
    ended = subprocess.run(  # noqa: S603 - our own program
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@contextmanager
def lines_in_a_file(claims: int, folder: Path) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".jsonl", encoding="utf-8") as file:
        for line in lines(claims):
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        yield Path(file.name)


def import_file(url: str, file: Path) -> dict[str, Any]:
    """What the command does, in this process."""
    look_less_for_garbage()
    engine = make_engine(url)
    before = _peak_memory()
    started = time.perf_counter()
    with file.open("rb") as content:
        report = run_import(make_sessions(engine), content, load_vocabulary(), Importer("bench"))
    seconds = time.perf_counter() - started
    engine.dispose()
    return report | {"seconds": seconds, "memory_before": before, "memory": _peak_memory()}


def _peak_memory() -> int:
    """KiB. What ``getrusage`` tells begins with what the process was made from."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--claims", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--bases", type=Path, default=default_folder())
    options.add_argument("--into", help=argparse.SUPPRESS)
    options.add_argument("--lines", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.into:
        print(json.dumps(import_file(asked.into, asked.lines)))
        return
    for claims in asked.claims:
        base = base_of(claims, asked.bases)
        print(f"{base.path} {base.megabytes:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
