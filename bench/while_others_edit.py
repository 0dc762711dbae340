"""The page of milia while a claim of another condition is edited some times a second: with answers
that outlive edits of other conditions, and with a cache that every commit empties.

``python -m bench.while_others_edit [--claims 10000] [--edits 10]``
"""

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from bench.bases import Base
from bench.measuring import (
    Asking,
    Figures,
    Plan,
    Side,
    get,
    key_of,
    per_second,
    rate,
    served_by_uvicorn,
    shuffled,
)

PATH = "/conditions/milia"
LIST = "/claims?condition__not=milia&limit=1"
SIDES = {"kept by condition": "", "emptied by each commit": "yes"}


def measure(plan: Plan, base: Base, edits: float) -> dict[str, Figures]:
    """Answers a second of both; and of the first one while nobody edits."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(
                served_by_uvicorn(
                    "bench.caching:app", CLAIMBASE_DATABASE_URL=base.url, BENCH_EMPTIED=emptied
                )
            )
            for name, emptied in SIDES.items()
        }
        key = key_of(base)
        first, second = ports.values()
        # Who edits asks the server that is not measured: another process of the service.
        sides = {
            name: partial(_edited, port, second if port == first else first, key, plan, edits)
            for name, port in ports.items()
        }
        return shuffled(sides | {"nobody edits": partial(_rate, first, plan)}, plan.rounds)


def _rate(port: int, plan: Plan) -> float:
    answers, _ = rate(Side(port, [get(PATH)]), plan.connections, plan.seconds)
    return answers


def _edited(port: int, other: int, key: str, plan: Plan, edits: float) -> float:
    with _editing(other, key, edits):
        return _rate(port, plan)


@contextmanager
def _editing(port: int, key: str, edits: float) -> Iterator[None]:
    """One claim of another condition is edited, so many times a second where that is possible."""
    ending, done = threading.Event(), 0

    def edit() -> None:
        nonlocal done
        with closing(Asking(port, key)) as asking:
            claim = asking.read(LIST).json()["data"][0]["id"]
            following = time.monotonic()
            while not ending.is_set():
                asking.edit(claim)
                done += 1
                following = max(following + 1 / edits, time.monotonic())
                ending.wait(following - time.monotonic())

    thread = threading.Thread(target=edit)
    thread.start()
    begun = time.monotonic()
    try:
        yield
    finally:
        taken = time.monotonic() - begun
        ending.set()
        thread.join()
        print(f"{done / taken:.1f} edits a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--claims", type=int, default=10_000)
    parser.add_argument("--edits", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    plan = Plan(sizes=(given.claims,), rounds=given.rounds, seconds=given.seconds)
    for name, figures in measure(plan, plan.smallest, given.edits).items():
        print(f"{name}: {per_second(figures)}")


if __name__ == "__main__":
    main()
