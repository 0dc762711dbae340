"""Bulk imports: all of the lines or none, in one change that is as short as it can be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.commands.changes import CHANGE_LOCK, ChangeDraft, finish_change
from app.commands.conflicts import EFFECTS, refresh_conflicts
from app.commands.import_claims import ClaimWriter
from app.commands.import_conflicts import write_prepared_conflicts
from app.commands.import_events import EventSpool
from app.commands.import_moves import has_moved
from app.commands.import_plan import Plan
from app.commands.import_records import MovedError, RecordWriter
from app.commands.import_staging import CREATE, MAX_FAULTS, UPDATE, Faults, Staging
from app.commands.search import index_claims_of_concepts
from app.errors import ImportRefusedError
from app.models import Change, Citation, Claim, Condition, Import, Passage
from app.models.base import utc_now
from app.queries.eligible import HIERARCHY, concept_hierarchy
from app.vocabulary import Vocabulary

Tell = Callable[[str, int], None]
MAX_ERRORS = 20


@dataclass(slots=True)
class Applied:
    """What ``apply_lines`` wrote: the change, its number, and the counts of the report."""

    change: int | None
    counts: dict[str, Any]


def apply_lines(
    session: Session,
    draft: ChangeDraft,
    plan: Plan,
    vocabulary: Vocabulary,
    tell: Tell,
) -> Applied:
    """Write what the lines change, in the transaction of ``session``.

    ``draft.events`` is an EventSpool. Raises MovedError where somebody changed meanwhile what
    the plan was made from, and ImportRefusedError for what only the written rows can show.
    """
    assert isinstance(draft.events, EventSpool)
    staging = plan.staging
    _lock_conditions(session, plan)
    seen = _last_change(session)
    if has_moved(session, staging, staging.change) or not plan.ids.are_free(session):
        raise MovedError
    records = RecordWriter(session, draft, staging, plan.ids)
    records.write_concepts()
    records.write_conditions()
    documents = records.write_documents()
    for written in ClaimWriter(session, draft, plan, vocabulary).write():
        tell("writing", written)
    records.finish_documents(documents)
    refuse_faults(staging.faults)
    index_claims_of_concepts(session, staging.records("concept", UPDATE))
    write_prepared_conflicts(session, draft.events, plan.spool, plan.conflicts)
    _refresh(session, draft, plan, vocabulary, tell)
    if session.get_bind().dialect.name == "postgresql":
        # Taken before the last look, so that nobody commits between it and the number.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHANGE_LOCK})
    if has_moved(session, staging, seen):
        raise MovedError
    counts: dict[str, Any] = {"lines": staging.lines, **_counts(staging)}
    actions = draft.events.actions
    conflicts = counts["conflicts"] = dict.fromkeys(EFFECTS.values(), 0)
    for action, effect in EFFECTS.items():
        conflicts[effect] += actions["conflict", action]
    return Applied(finish_change(session, draft), counts)


def _counts(staging: Staging) -> dict[str, dict[str, int]]:
    by_action = staging.counts()
    return {
        "created": by_action["create"],
        "updated": by_action["update"],
        "unchanged": by_action["unchanged"],
    }


def record_import(
    session: Session,
    *,
    account: str,
    digest: str,
    report: dict[str, Any],
    change: int | None,
) -> Import:
    row = Import(
        account=account,
        digest=digest,
        report=report,
        change=change,
        created_at=utc_now(),
    )
    session.add(row)
    session.flush()
    return row


def refuse_faults(faults: Faults) -> None:
    """Raise ImportRefusedError if there are any."""
    if not faults.total:
        return
    listed = faults.listed()
    more = f" ({faults.total - 1} more)" if faults.total > 1 else ""
    raise ImportRefusedError(
        f"The import is refused, and nothing of it was written: {listed[0]}.{more}",
        errors=[
            {
                "in": "body",
                "line": fault.line,
                "pointer": fault.pointer,
                "code": "invalid_line",
                "detail": fault.reason,
            }
            for fault in listed[:MAX_ERRORS]
        ],
        faults=[fault._asdict() for fault in listed],
        faults_total=faults.total,
        faults_limit=MAX_FAULTS,
    )


def _last_change(session: Session) -> int:
    last = select(Change.number).order_by(Change.number.desc()).limit(1)
    return session.scalar(last) or 0


def _touched(session: Session, plan: Plan) -> list[int]:
    """The conditions in the base whose conflicts can change, but for those that are ready."""
    staging = plan.staging
    if staging.records("concept", UPDATE):
        return list(session.scalars(select(Condition.id).order_by(Condition.id)))
    found: set[int] = set()
    for changing in staging.conditions():
        slugs = _not_ready(plan, changing)
        found |= set(session.scalars(select(Condition.id).where(Condition.slug.in_(slugs))))
    documents = staging.records("document", UPDATE)
    for first in range(0, len(documents), 500):
        citing = (
            select(Claim.condition_id)
            .join(Citation, Citation.claim_id == Claim.id)
            .join(Passage, Passage.id == Citation.passage_id)
            .where(Passage.document_id.in_(documents[first : first + 500]))
        )
        found |= set(session.scalars(citing.distinct()))
    return sorted(found | set(staging.records("condition", UPDATE)))


def _not_ready(plan: Plan, slugs: list[str]) -> set[str]:
    if not plan.are_ready:
        return set(slugs)
    lines = plan.staging.planned_records("condition", slugs)
    new = {slug for slug, _, planned in lines if planned.action == CREATE}
    return set(slugs) - (new - plan.unsettled)


def _lock_conditions(session: Session, plan: Plan) -> None:
    """In the order of their ids, before anything is read: see the design, section 4."""
    ids = _touched(session, plan)
    for first in range(0, len(ids), 500):
        part = Condition.id.in_(ids[first : first + 500])
        session.execute(
            select(Condition.id).where(part).order_by(Condition.id).with_for_update(),
        ).all()


def _refresh(
    session: Session,
    draft: ChangeDraft,
    plan: Plan,
    vocabulary: Vocabulary,
    tell: Tell,
) -> None:
    ids = _touched(session, plan)
    session.info[HIERARCHY] = concept_hierarchy(session)
    for number, id_ in enumerate(ids, start=1):
        slug = session.scalar(select(Condition.slug).where(Condition.id == id_)) or ""
        refresh_conflicts(session, draft, id_, slug, vocabulary)
        session.expunge_all()
        if number % 20 == 0:
            tell("computing", number)
    del session.info[HIERARCHY]
