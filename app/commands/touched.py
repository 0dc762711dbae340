"""What else a change of a source or a concept touches: conditions, claims, their conflicts."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.commands.conflicts import refresh_conflicts
from app.commands.parts import in_parts
from app.commands.versions import lock_conditions
from app.commands.written import keep_records
from app.models import Citation, Claim, Passage
from app.models.base import utc_now
from app.queries.computed import Touched
from app.queries.records import AnyRow, claim_records
from app.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class RecordEdit:
    """A change of a source, a concept or a condition, made from its version ``version``."""

    record_id: int
    version: int
    vocabulary: Vocabulary


def lock_touched(
    session: Session,
    touched: Callable[[], Collection[int]],
    lock: Callable[[], None],
) -> dict[int, str]:
    """Lock the conditions that ``touched`` finds, then by ``lock`` what they were found by.

    ``lock`` keeps others from adding to what was found; what they added before, while this
    waited for the conditions, is found by looking again. Giving a savepoint up releases its
    locks, so that conditions are always locked before all else, in the order of their ids.
    """
    while True:
        with suppress(_MoreTouchedError), session.begin_nested():
            slugs = lock_conditions(session, touched())
            lock()
            if slugs.keys() >= set(touched()):
                return slugs
            raise _MoreTouchedError


class _MoreTouchedError(Exception):
    """Ends the savepoint, to begin anew."""


def refresh_touched(
    session: Session,
    draft: ChangeDraft,
    slugs: Mapping[int, str],
    vocabulary: Vocabulary,
    claim_ids: Collection[int] | None = None,
) -> None:
    """Recompute the locked conditions, or only what a change of these claims can reach.

    They answer the questions that they answered before, about the same subjects.
    """
    if claim_ids is None:
        for condition_id in sorted(slugs):
            refresh_conflicts(session, draft, condition_id, slugs[condition_id], vocabulary)
        return
    for condition_id, touched in _touched(session, claim_ids):
        slug = slugs[condition_id]
        refresh_conflicts(session, draft, condition_id, slug, vocabulary, touched=touched)


def _touched(session: Session, claim_ids: Collection[int]) -> list[tuple[int, Touched]]:
    """By condition, in the order of their ids."""
    rows: defaultdict[int, list[AnyRow]] = defaultdict(list)
    for part in in_parts(claim_ids):
        known = select(Claim.condition_id, Claim.id, Claim.question, Claim.subject_id)
        for row in session.execute(known.where(Claim.id.in_(part))):
            rows[row.condition_id].append(row)
    return [
        (
            condition_id,
            Touched(
                {row.id for row in of_condition},
                {row.question for row in of_condition},
                {row.subject_id for row in of_condition},
            ),
        )
        for condition_id, of_condition in sorted(rows.items())
    ]


def renew_claims(
    session: Session,
    draft: ChangeDraft,
    claim_ids: Collection[int],
    action: str,
) -> None:
    """The next version of claims whose rows or citations were changed already.

    Their conditions are locked. The numbers of citing passages and documents are counted
    here, over all citations: also orphaned ones, and those from documents that are not active.
    """
    session.flush()
    for batch in in_parts(claim_ids):
        _write_versions(session, batch)
        records = claim_records(session, batch)
        keep_records(session, records)
        conditions = dict(
            session.execute(select(Claim.id, Claim.condition_id).where(Claim.id.in_(batch))).all(),
        )
        draft.events += [
            Event("claim", id_, records[id_]["version"], action, records[id_], conditions[id_])
            for id_ in batch
        ]


def citing() -> dict[str, Any]:
    """The numbers of passages and of documents that cite a claim, as values of its columns."""
    cited = (
        select(func.count(Citation.passage_id.distinct()))
        .where(Citation.claim_id == Claim.id)
        .scalar_subquery()
    )
    documents = (
        select(func.count(Passage.document_id.distinct()))
        .join(Citation, Citation.passage_id == Passage.id)
        .where(Citation.claim_id == Claim.id)
        .scalar_subquery()
    )
    return {"passage_count": cited, "document_count": documents}


def _write_versions(session: Session, ids: Collection[int]) -> None:
    """In SQL, so that nothing has to be loaded; rows that the session holds are read again."""
    session.execute(
        update(Claim)
        .where(Claim.id.in_(ids))
        .values(version=Claim.version + 1, updated_at=utc_now(), **citing())
        .execution_options(synchronize_session=False),
    )
    for row in list(session.identity_map.values()):
        if isinstance(row, Claim) and row.id in ids:
            session.expire(row)
