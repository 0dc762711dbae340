"""The clashes of one contest: which claims clash, how strongly, and by which passages."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import product

from app.conflicts.judge import Judge, Outcome
from app.conflicts.lowering import Verdict, strongest
from app.conflicts.model import Claim
from app.conflicts.rules import Contest
from app.conflicts.scopes import Relation, ScopeComparer
from app.conflicts.stances import Hedge, SideId, Stance, hedging_of
from app.vocabulary import DisjointRow


class Clashes:
    """Stances clash rather than claims, and outcomes are few: many claims cost little."""

    def __init__(self, contest: Contest, scopes: ScopeComparer, judge: Judge) -> None:
        self.disjoint_rows: dict[str, DisjointRow] = {}
        self._explained: list[tuple[Stance, Stance, Outcome]] = []
        self._of_stance: defaultdict[Stance, set[tuple[Outcome, int]]] = defaultdict(set)
        self._of_sides: defaultdict[tuple[int, int], set[Outcome]] = defaultdict(set)
        self._sides: dict[SideId, int] = {}
        self._side_of_stance: dict[Stance, int] = {}
        self._shared = _SharedPassages()
        self._shared_by_flagged = _SharedPassages()
        for one, other, base in contest.pairs:
            scope = scopes.compare(one.scope, other.scope)
            outcome = judge.outcome(
                one, other, base, uncertain=scope.relation is Relation.uncertain
            )
            if not outcome.clashes:
                continue
            if scope.relation is Relation.disjoint:
                self._explained.append((one, other, outcome))
                self.disjoint_rows |= {row.key: row for row in scope.rows}
            else:
                self._add(one, other, outcome)

    def __bool__(self) -> bool:
        return bool(self._of_stance)

    @cached_property
    def strongest(self) -> Verdict:
        return strongest(self.of_sides.values())

    @property
    def pivotal(self) -> frozenset[str]:
        """The passages that every flagged clash needs; if none is flagged, every clash."""
        flagged = self.strongest.is_conflict
        return (self._shared_by_flagged if flagged else self._shared).passages

    @cached_property
    def of_claims(self) -> list[tuple[SideId, Claim, Verdict]]:
        """Each clashing claim with its strongest verdict."""
        found = []
        for stance, outcomes in self._of_stance.items():
            of_hedges = _strongest_of_hedges(outcomes)
            for claim in stance.claims:
                verdicts = [of_hedges[hedge] for hedge in hedging_of(claim) if hedge in of_hedges]
                if verdicts:
                    found.append((stance.side, claim, strongest(verdicts)))
        return found

    @property
    def sides(self) -> list[SideId]:
        """Those that clash, by the numbers that ``of_sides`` has."""
        return list(self._sides)

    @cached_property
    def of_sides(self) -> dict[tuple[int, int], Verdict]:
        """Each pair of clashing sides with its strongest verdict."""
        return {
            pair: strongest(one.strongest for one in outcomes)
            for pair, outcomes in self._of_sides.items()
        }

    def explained(self) -> Iterator[tuple[Claim, Claim]]:
        """The pairs of claims that only their disjoint scopes keep from clashing."""
        for one, other, outcome in self._explained:
            for (hedge, opposite), _ in outcome.clashes:
                yield from product(one.claims_by_hedge[hedge], other.claims_by_hedge[opposite])

    def _add(self, one: Stance, other: Stance, outcome: Outcome) -> None:
        self._of_stance[one].add((outcome, 0))
        self._of_stance[other].add((outcome, 1))
        sides = self._side(one), self._side(other)
        self._of_sides[min(sides), max(sides)].add(outcome)
        if self._shared_by_flagged.is_none:
            return
        for (hedge, opposite), verdict in outcome.clashes:
            passages = one.passages[hedge], other.passages[opposite]
            self._shared.add(*passages)
            if verdict.is_conflict:
                self._shared_by_flagged.add(*passages)

    def _side(self, stance: Stance) -> int:
        number = self._side_of_stance.get(stance)
        if number is None:
            number = self._sides.setdefault(stance.side, len(self._sides))
            self._side_of_stance[stance] = number
        return number


class _SharedPassages:
    """The passages that are in each of the pairs added."""

    def __init__(self) -> None:
        self._passages: frozenset[str] | None = None

    @property
    def passages(self) -> frozenset[str]:
        return self._passages or frozenset()

    @property
    def is_none(self) -> bool:
        """Whether pairs were added and no passage is in all of them."""
        return self._passages is not None and not self._passages

    def add(self, one: frozenset[str], other: frozenset[str]) -> None:
        """Adds the pairs of each passage of one with each of the other."""
        # A passage is in all these pairs only if it is alone on its side.
        needed = frozenset[str]().union(*(side for side in (one, other) if len(side) == 1))
        self._passages = needed if self._passages is None else self._passages & needed


def _strongest_of_hedges(outcomes: Iterable[tuple[Outcome, int]]) -> dict[Hedge, Verdict]:
    """``outcomes`` come with the place, 0 or 1, of the hedges that are asked for."""
    verdicts: defaultdict[Hedge, set[Verdict]] = defaultdict(set)
    for outcome, place in outcomes:
        for hedges, verdict in outcome.clashes:
            verdicts[hedges[place]].add(verdict)
    return {hedge: strongest(found) for hedge, found in verdicts.items()}
