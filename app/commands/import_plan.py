"""The plan of an import: what each line does, and all that can be made ready beforehand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.commands.import_checks import CheckedLine, check_lines
from app.commands.import_conflicts import ConflictPreparer
from app.commands.import_events import Ready, Spool
from app.commands.import_ids import NewIds
from app.commands.import_places import Places
from app.commands.import_preparing import ClaimPreparer
from app.commands.import_staging import UNCHANGED, UPDATE, Staging
from app.schemas.imports import ClaimLine
from app.vocabulary import Vocabulary

Tell = Callable[[str, int], None]


class Unit(NamedTuple):
    """Claims that are written together; ``ready``: what was prepared of all of them."""

    first: int
    last: int
    ready: Ready | None


@dataclass(slots=True)
class Plan:
    """What the lines do to the base, as long as nobody else changes it.

    ``unsettled``: the conditions of claims that only the writing makes ready.

    ``are_ready``: whether the conflicts of the other new conditions are among ``conflicts``.
    """

    staging: Staging
    ids: NewIds
    spool: Spool
    claims: list[Unit] = field(default_factory=list)
    conflicts: list[Ready] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)
    are_ready: bool = False


def plan_lines(
    session: Session,
    plan: Plan,
    vocabulary: Vocabulary,
    tell: Tell,
    *,
    four_eyes: bool = False,
) -> None:
    """Check all lines and fill the plan; faults are left in its ``staging``.

    ``session`` reads one snapshot of the base.
    """
    staging = plan.staging
    places = Places(session, staging)
    preparer = ClaimPreparer(session, staging, places, plan.spool, vocabulary)

    def prepare(checked: Sequence[CheckedLine]) -> None:
        changing = [
            (one.plan, one.line, one.identity)
            for one in checked
            if one.plan.action != UNCHANGED and isinstance(one.line, ClaimLine)
        ]
        if not changing or staging.faults.total:
            return
        ready = preparer.prepare(changing)
        if ready is None:
            plan.unsettled |= {line.condition for _, line, _ in changing}
        plan.claims.append(Unit(changing[0][0].line, changing[-1][0].line, ready))

    check_lines(session, staging, places, plan.ids, prepare, tell=tell, four_eyes=four_eyes)
    if staging.faults.total or staging.records("concept", UPDATE):
        return
    conflicts = ConflictPreparer(session, staging, plan.ids, plan.spool, vocabulary)
    for ready in conflicts.prepare(plan.unsettled):
        plan.conflicts.append(ready)
        tell("comparing", sum(one.number for one in plan.conflicts))
    plan.are_ready = True
