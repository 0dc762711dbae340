"""What two stances come to, once their scopes and hedges are weighed."""

from dataclasses import dataclass
from itertools import product

from app.conflicts.lowering import Verdict, lowered
from app.conflicts.rules import Base
from app.conflicts.stances import Hedge, Stance
from app.vocabulary import Severity


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """What two sets of hedges come to: the clashing pairs of hedges, the strongest first."""

    clashes: tuple[tuple[tuple[Hedge, Hedge], Verdict], ...]

    @property
    def strongest(self) -> Verdict:
        return self.clashes[0][1]


class Judge:
    """Remembers its answers: sets of hedges are few and meet many times."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[Base, frozenset[Hedge], frozenset[Hedge], bool], Outcome] = {}

    def outcome(self, one: Stance, other: Stance, base: Base, *, uncertain: bool) -> Outcome:
        key = (base, one.hedging, other.hedging, uncertain)
        known = self._outcomes.get(key)
        if known is None:
            known = self._outcomes[key] = _outcome(one, other, base, uncertain=uncertain)
        return known


def _outcome(one: Stance, other: Stance, base: Base, *, uncertain: bool) -> Outcome:
    clashes = []
    for hedge, opposite in product(one.hedging, other.hedging):
        severity = base(hedge, opposite)
        if severity is not Severity.none:
            certainties = (hedge.certainty, opposite.certainty)
            verdict = lowered(severity, certainties, scope_uncertain=uncertain)
            clashes.append(((hedge, opposite), verdict))
    return Outcome(tuple(sorted(clashes, key=lambda clash: clash[1].order)))
