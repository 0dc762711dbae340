"""How doubt lowers a clash between two citations (design.md section 2, "Lowering")."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter

from app.vocabulary import Certainty, Severity

BOTH_SUSPECTED = "both_suspected"
ONE_SIDE_SUSPECTED = "one_side_suspected"
SCOPE_UNCERTAIN = "scope_uncertain"

_order = attrgetter("order")


@dataclass(frozen=True)
class Verdict:
    """``reasons``: sorted; an uncertain scope is named even where it could lower nothing."""

    severity: Severity
    reasons: tuple[str, ...]

    @cached_property
    def order(self) -> tuple[int, int, tuple[str, ...]]:
        """Sorts the highest severity first, and among equals the one with fewest reasons."""
        return -self.severity.rank, len(self.reasons), self.reasons

    @cached_property
    def is_conflict(self) -> bool:
        return self.severity.is_conflict


def strongest(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=_order)


@cache
def lowered(
    base: Severity,
    certainties: tuple[Certainty, Certainty],
    *,
    scope_uncertain: bool,
) -> Verdict:
    """The verdict on two citations that clash with ``base``, which is at least a tension."""
    results: dict[str, Severity] = {}
    suspected = certainties.count(Certainty.suspected)
    if suspected == len(certainties):
        results[BOTH_SUSPECTED] = Severity.tension
    elif suspected and base is Severity.contradiction:
        results[ONE_SIDE_SUSPECTED] = Severity.disagreement
    if scope_uncertain:
        results[SCOPE_UNCERTAIN] = base.lowered()
    reasons = sorted(
        reason
        for reason, result in results.items()
        if result is not base or reason == SCOPE_UNCERTAIN
    )
    return Verdict(min((base, *results.values()), key=lambda one: one.rank), tuple(reasons))
