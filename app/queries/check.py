"""Is the base what it says it is? References, conflicts, the record of changes, search."""

from collections import Counter
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    Citation,
    Claim,
    Condition,
    Conflict,
    ConflictClaim,
    Passage,
)
from app.queries.audit import (
    audit_chain,
    audit_computed,
    audit_records,
    audit_texts,
    audit_versions,
)
from app.queries.computed import compute_rows
from app.queries.counts import count_faults
from app.queries.search_check import index_faults
from app.queries.written import written_faults
from app.vocabulary import Severity, Verification, Vocabulary

Say = Callable[[str], None]


def check_base(session: Session, vocabulary: Vocabulary, say: Say) -> list[str]:
    """Every fault in one sentence; what was looked at is said along the way."""
    faults = [
        *_reference_faults(session),
        *_conflict_faults(session, vocabulary, say),
        *_chain_faults(session, say),
        *audit_versions(session),
        *audit_records(session),
        *audit_computed(session),
        *audit_texts(session),
        *_span_faults(session),
        *index_faults(session),
        *count_faults(session),
        *written_faults(session),
    ]
    claims = session.scalar(select(func.count()).select_from(Claim))
    counted = Counter[str]()
    for verification, number in session.execute(
        select(Citation.verification, func.count()).group_by(Citation.verification),
    ):
        counted[verification.value] += number
    say(f"{claims} claims, {counted.total()} citations ({_listed(counted)})")
    return faults


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counted.items())) or "none"


def _reference_faults(session: Session) -> list[str]:
    """What the database itself cannot hold: SQLite checks foreign keys only when told to."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    rows = session.connection().exec_driver_sql("PRAGMA foreign_key_check")
    return [f"a row of {row[0]} refers to a {row[2]} that is not there" for row in rows]


def _conflict_faults(session: Session, vocabulary: Vocabulary, say: Say) -> list[str]:
    """A full rebuild has to give identical rows."""
    faults = []
    number = 0
    for condition_id, slug in session.execute(select(Condition.id, Condition.slug)).all():
        computed, severities = compute_rows(session, condition_id, slug, vocabulary)
        number += len(computed)
        stored = {
            row.key: row
            for row in session.scalars(
                select(Conflict).where(
                    Conflict.condition_id == condition_id,
                    Conflict.status == "open",
                ),
            )
        }
        faults += [
            f"the conflict {key} is stored or computed, but not both"
            for key in sorted(computed.keys() ^ stored.keys())
        ]
        for key in sorted(computed.keys() & stored.keys()):
            if _claims_of(session, stored[key].id) != sorted(computed[key].claims):
                faults.append(f"the claims of the conflict {key} are not what the rules say")
            faults += [
                f"{name} of the conflict {key} is not what the rules say"
                for name, value in computed[key].columns.items()
                if getattr(stored[key], name) != value
            ]
        flags = session.execute(
            select(Claim.id, Claim.key, Claim.severity, Claim.conflict).where(
                Claim.condition_id == condition_id,
            ),
        )
        for id_, key, severity, conflict in flags:
            wanted = severities.get(id_, Severity.none)
            if severity is not wanted or conflict is not wanted.is_conflict:
                faults.append(f"the flags of the claim {key} are not what the rules say")
    say(f"{number} conflicts equal a fresh computation" if not faults else "conflicts differ")
    return faults


def _claims_of(session: Session, conflict_id: int) -> list[tuple[int, int, Severity]]:
    rows = session.execute(
        select(ConflictClaim.claim_id, ConflictClaim.side, ConflictClaim.severity).where(
            ConflictClaim.conflict_id == conflict_id,
        ),
    )
    return sorted(rows.all())


def _chain_faults(session: Session, say: Say) -> list[str]:
    chain = audit_chain(session)
    say(f"{chain.changes} changes, the last of digest {chain.digest}")
    return chain.faults


def _span_faults(session: Session) -> list[str]:
    """An orphaned citation keeps the span that it had in a text that is gone."""
    is_outside = (Citation.start < Passage.start) | (Citation.end > Passage.end)
    rows = session.scalars(
        select(Citation.id)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(
            (is_outside & (Citation.verification != Verification.orphaned))
            | (Citation.end - Citation.start != func.length(Citation.quote)),
        ),
    )
    return [f"the citation CIT{id_} lies outside of its passage" for id_ in rows]
