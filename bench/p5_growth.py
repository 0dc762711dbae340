"""P5: what grows with the base: medians of reads that are made for each request, and of one
edit, over HTTP on one connection, on bases of three sizes; with plots."""

from contextlib import ExitStack, closing

from bench.bases import Base, base_of
from bench.generator import CLAIMS_OF_A_CONDITION
from bench.measuring import (
    Asking,
    Figures,
    Plan,
    Row,
    at_most,
    get,
    in_milliseconds,
    key_of,
    seconds_until,
    shuffled,
)
from bench.plots import plot

DEEP = 1_000  # pages
DEEP_LIMIT = 5  # claims on each, so that the smallest base has as many
MOST = 20  # times that one thing is asked in a round
SHARE = 0.3  # of the seconds of a measurement, if it was asked once


class Subject:
    """A base that is served without cache, and what is asked of it."""

    def __init__(self, base: Base, asking: Asking, seconds: float) -> None:
        self.asking = asking
        self._enough = SHARE * seconds
        condition = base.claims // CLAIMS_OF_A_CONDITION // 2
        path = f"/claims?condition=bench-condition-{condition}&limit=1"
        self.claim = self.asking.read(path).json()["data"][0]["id"]
        self.paths = {
            "page of milia": "/conditions/milia",
            "page of 50 claims": f"/conditions/bench-condition-{condition}",
            "first page of the list": f"/claims?limit={DEEP_LIMIT}",
            "1,000th page of the list": f"/claims?limit={DEEP_LIMIT}&cursor={self._deep()}",
            "list by type and conflict": "/claims?type=cause&conflict=true&limit=50",
            "count": "/claims?limit=1",
            "facets": "/claims?limit=1&facet=type&facet=severity&facet=question",
            "one claim": f"/claims/{self.claim}",
        }

    def _deep(self) -> str:
        """The cursor of the 1,000th page: it does not depend on the limit."""
        before = (DEEP - 1) * DEEP_LIMIT
        cursor = ""
        while before:
            size = min(before, 100)
            page = self.asking.read(f"/claims?limit={size}&count=none{cursor}").json()["page"]
            if page["next_cursor"] is None:  # a base too small for it: its last page
                break
            cursor, before = f"&cursor={page['next_cursor']}", before - size
        return cursor.removeprefix("&cursor=")

    def seconds(self, name: str) -> float:
        if name == "one edit":
            return seconds_until(self._enough, MOST, lambda: self.asking.edit(self.claim))
        request = get(self.paths[name])
        return seconds_until(self._enough, MOST, lambda: self.asking.seconds_of(request))


def measure(plan: Plan) -> list[Row]:
    found = _measured(plan)
    small, large = plan.sizes[0], plan.sizes[-1]
    names = list(dict.fromkeys(name for name, _ in found))
    of = {size: {name: found[name, size] for name in names} for size in plan.sizes}
    plan.plots.mkdir(parents=True, exist_ok=True)
    for file, chosen in (("growth-reads", names[:-1]), ("growth-edit", names[-1:])):
        lines = {
            name: [(size, of[size][name].median * 1000) for size in plan.sizes] for name in chosen
        }
        svg = plot(lines, "claims in the base", "milliseconds (median)")
        (plan.plots / f"{file}.svg").write_text(svg, encoding="utf-8")
    rows = [
        Row(
            "P5",
            f"{name}: {large:,} / {small:,} claims",
            *at_most(1.5, of[large][name].median / of[small][name].median),
            {f"{size:,}": in_milliseconds(of[size][name]) for size in plan.sizes},
            "over HTTP, made for each request",
        )
        for name in names
    ]
    first, deep = (
        of[large][name] for name in ("first page of the list", "1,000th page of the list")
    )
    sides = {"first": in_milliseconds(first), "1,000th": in_milliseconds(deep)}
    what = f"1,000th / first page of the list, {large:,} claims"
    return [*rows, Row("P5", what, *at_most(1.2, deep.median / first.median), sides)]


def _measured(plan: Plan) -> dict[tuple[str, int], Figures]:
    with ExitStack() as opened:
        subjects = {}
        for size in plan.sizes:
            base = base_of(size, plan.bases)
            port = plan.servers.own(base, cache_bytes=0)
            asking = opened.enter_context(closing(Asking(port, key_of(base))))
            subjects[size] = Subject(base, asking, plan.seconds)
        names = [*subjects[plan.sizes[0]].paths, "one edit"]
        for subject in subjects.values():
            for name in names:
                subject.seconds(name)  # one round that does not count
        sides = {
            (name, size): lambda subject=subject, name=name: subject.seconds(name)
            for name in names
            for size, subject in subjects.items()
        }
        return shuffled(sides, plan.rounds)
