"""The page of milia while a claim of another condition is edited some times a second: with answers
that outlive edits of other conditions, and with a cache that every commit empties.

``python -m bench.while_others_edit [--claims 10000] [--edits 10] [--postgresql]``; the last one
imports so many claims into a server that it starts and stops. ``--own``: the server that is
measured makes the edits, too, and not another process of the service.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

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
from bench.p10_copies import import_small, new_database
from tests.postgresql import running_server

PATH = "/conditions/milia"
LIST = "/claims?condition__not=milia&limit=1"
SIDES = {"kept by condition": "", "emptied by each commit": "yes"}


def measure(plan: Plan, url: str, edits: float, *, own: bool) -> dict[str, Figures]:
    """Answers a second of both; and of the first one while nobody edits."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(
                served_by_uvicorn(
                    "bench.caching:app", CLAIMBASE_DATABASE_URL=url, BENCH_EMPTIED=emptied
                )
            )
            for name, emptied in SIDES.items()
        }
        key = key_of(url)
        first, second = ports.values()
        sides = {
            name: partial(_edited, port, port if own else (first + second - port), key, plan, edits)
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
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--own", action="store_true")
    given = parser.parse_args()
    plan = Plan(sizes=(given.claims,), rounds=given.rounds, seconds=given.seconds)
    with _base(plan, postgresql=given.postgresql) as url:
        for name, figures in measure(plan, url, given.edits, own=given.own).items():
            print(f"{name}: {per_second(figures)}")


@contextmanager
def _base(plan: Plan, *, postgresql: bool) -> Iterator[str]:
    if not postgresql:
        yield plan.smallest.url
        return
    with running_server() as server:
        url = new_database(server, "edited")
        import_small(url, plan.sizes[0])
        yield url


if __name__ == "__main__":
    main()
