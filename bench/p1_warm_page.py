"""P1: the page of milia while nothing changes, against the same bytes of a bare application."""

import tempfile
from contextlib import closing
from pathlib import Path

from bench.measuring import Asking, Plan, Row, Side, at_least, bare, get, per_second, rates

PATH = "/conditions/milia"


def measure(plan: Plan) -> list[Row]:
    port = plan.servers.own(plan.smallest)
    with tempfile.TemporaryDirectory() as folder:
        with closing(Asking(port)) as asking:
            page = asking.read(PATH, accept_encoding="identity")
        with bare(page.content, Path(folder)) as bare_port:
            sides = {
                "page": Side(port, [get(PATH)]),
                "304": Side(port, [get(PATH, if_none_match=page.headers["ETag"])], 304),
                "br": Side(port, [get(PATH, accept_encoding="br")]),
                "bare": Side(bare_port, [get("/")]),
            }
            found = rates(sides, plan)
    shown = {name: per_second(figures) for name, figures in found.items()}
    size = f"{len(page.content):,} bytes"
    parts = [
        ("warm page / bare application, same bytes", 0.80, "page", "bare", size),
        ("304 / warm page", 1.2, "304", "page", "the client has it"),
        ("stored compressed (br) / warm page", 1.1, "br", "page", ""),
    ]
    return [
        Row(
            "P1",
            what,
            *at_least(limit, found[one].median / found[other].median),
            {one: shown[one], other: shown[other]},
            "; ".join(filter(None, [note, f"asking took {found[one].asking:.0%} of a core"])),
        )
        for what, limit, one, other, note in parts
    ]
