"""P2: the first read of milia's page after each edit of one of its claims, on one connection,
against the same bytes of a bare application and against a page made of ORM objects. The page was
read before each edit, so that it is made anew with it (decision 0037): what the edit takes longer
for that is shown, too, and the first read where the page is left to its reader. The bare
application is asked in the same place, behind an edit of ours, which leaves the memory of whoever
asks as cold; what it takes in a loop by itself is shown."""

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.measuring import (
    Asking,
    Plan,
    Row,
    at_least,
    bare,
    get,
    in_milliseconds,
    key_of,
    seconds_until,
    served_by_uvicorn,
    shuffled,
)

PATH = "/conditions/milia"
EDITS = 8  # in each round at most; the median counts
BARE_READS = 100
BESIDE = ("edit, page read", "edit, page not read", "left to its reader", "bare in a loop")


def measure(plan: Plan) -> list[Row]:
    base = plan.smallest
    port = plan.servers.own(base)
    with (
        served_by_uvicorn("bench.orm_page:app", CLAIMBASE_DATABASE_URL=base.url) as orm_port,
        tempfile.TemporaryDirectory() as folder,
        closing(Asking(port, key_of(base))) as asking,
        closing(Asking(orm_port)) as of_orm,
    ):
        page = asking.read(PATH, accept_encoding="identity")
        claim = page.json()["claims"][0]["data"][0]["id"]
        with (
            bare(page.content, Path(folder)) as bare_port,
            closing(Asking(bare_port)) as of_bare,
        ):

            def after_an_edit() -> float:
                asking.edit(claim)
                return asking.seconds_of(get(PATH))

            def bare_after_an_edit() -> float:
                asking.edit(claim)
                return of_bare.seconds_of(get("/"))

            def after_two_edits() -> float:
                """Nobody read what the first one had made."""
                asking.edit(claim)
                return after_an_edit()

            def edit_of_what_was_read() -> float:
                asking.seconds_of(get(PATH))
                return asking.edit(claim)

            def edit_of_what_was_not() -> float:
                asking.edit(claim)
                return asking.edit(claim)

            def each(measured: Callable[[], float]) -> Callable[[], float]:
                return lambda: seconds_until(plan.seconds, EDITS, measured)

            found = shuffled(
                {
                    "first read": each(after_an_edit),
                    "left to its reader": each(after_two_edits),
                    "edit, page read": each(edit_of_what_was_read),
                    "edit, page not read": each(edit_of_what_was_not),
                    "bare": each(bare_after_an_edit),
                    "bare in a loop": lambda: seconds_until(
                        plan.seconds, BARE_READS, lambda: of_bare.seconds_of(get("/"))
                    ),
                    "ORM": lambda: seconds_until(
                        plan.seconds, EDITS, lambda: of_orm.seconds_of(get(PATH))
                    ),
                },
                plan.rounds,
            )
        size = len(of_orm.read(PATH).content)
    own_median = found["first read"].median
    shown = {name: in_milliseconds(figures) for name, figures in found.items()}
    return [
        Row(
            "P2",
            "bare application / first read after an edit",
            *at_least(0.3, found["bare"].median / own_median),
            {name: shown[name] for name in ("first read", "bare")},
            f"{len(page.content):,} bytes, one connection",
        ),
        Row(
            "P2",
            "ORM objects and response_model / first read after an edit",
            *at_least(50, found["ORM"].median / own_median),
            {name: shown[name] for name in ("first read", "ORM")},
            f"the ORM's page has {size:,} bytes",
        ),
        Row(
            "P2",
            "one edit over HTTP, by whether its page was read; the first read if it was not",
            "shown",
            None,
            None,
            {name: shown[name] for name in BESIDE},
        ),
    ]
