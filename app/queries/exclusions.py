"""A condition as if some sources did not exist: flags and conflicts computed anew."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.errors import InvalidRequestError
from app.identifiers import Prefix, number_of
from app.models import Citation, Claim, Condition, Conflict, Passage
from app.queries.computed import compute_over
from app.queries.conflicts import conflict_records
from app.queries.eligible import eligible_claims
from app.queries.names import condition_ids, document_ids, passage_ids
from app.queries.records import Record
from app.queries.view import View
from app.vocabulary import Vocabulary


def view_of(
    session: Session,
    asked: Mapping[str, Any],
    vocabulary: Vocabulary,
    *,
    conditions: Sequence[str],
) -> View:
    """The view that a request for ``conditions`` asks for, by ``exclude_document`` and
    ``exclude_passage``.

    Raises InvalidRequestError where sources are left out without exactly one condition.
    """
    narrower = asked.get("concept_narrower", True)
    excluded = excluded_passages(session, asked)
    if not excluded:
        return View(concept_narrower=narrower)
    found = set(condition_ids(session, "condition", conditions))
    if len(found) != 1:
        place = {"in": "query", "parameter": "condition", "code": "needed"}
        raise InvalidRequestError(
            "Leaving sources out computes the conflicts of one condition anew: name exactly one.",
            errors=[place | {"detail": "Exactly one condition is needed with exclusions."}],
        )
    [condition_id] = found
    return view_without(session, condition_id, excluded, vocabulary, narrower=narrower)


def excluded_passages(session: Session, asked: Mapping[str, Any]) -> frozenset[int]:
    """The passages to leave out, those of whole documents among them."""
    passages = passage_ids(session, "exclude_passage", asked.get("exclude_passage") or [])
    documents = document_ids(session, "exclude_document", asked.get("exclude_document") or [])
    if documents:
        of_documents = select(Passage.id).where(Passage.document_id.in_(documents))
        passages = [*passages, *session.scalars(of_documents)]
    return frozenset(passages)


def view_without(
    session: Session,
    condition_id: int,
    excluded: frozenset[int],
    vocabulary: Vocabulary,
    *,
    narrower: bool = True,
) -> View:
    """The condition seen without the citations of some passages."""
    left = select(
        Citation.claim_id,
        func.count(distinct(Citation.passage_id)),
        func.count(distinct(Passage.document_id)),
    ).join(Passage, Passage.id == Citation.passage_id)
    left = left.join(Claim, Claim.id == Citation.claim_id)
    left = left.where(Claim.condition_id == condition_id, Citation.passage_id.not_in(excluded))
    counts = {row[0]: (row[1], row[2]) for row in session.execute(left.group_by(Citation.claim_id))}
    slug = session.scalars(select(Condition.slug).where(Condition.id == condition_id)).one()
    computed, severities = compute_over(
        session,
        [
            replace(claim, citations=kept)
            for claim in eligible_claims(session, condition_id)
            if (kept := _without(claim.citations, excluded))
        ],
        condition_id,
        slug,
        vocabulary,
    )
    # Leaving sources out opens no conflict that is not stored: it weakens and closes some.
    stored = select(Conflict.key, Conflict.id).where(Conflict.condition_id == condition_id)
    numbers = dict(session.execute(stored).all())
    records = conflict_records(session, list(numbers.values()))
    conflicts: dict[int, Record] = {}
    refs: dict[int, list[Record]] = {}
    for key, row in computed.items():
        number = numbers[key]
        conflicts[number] = _recomputed(records[number], row.columns)
        for claim, severity in row.severities.items():
            refs.setdefault(number_of(Prefix.claim, claim), []).append(
                {
                    "id": records[number]["id"],
                    "kind": row.columns["kind"],
                    "severity": severity.value,
                },
            )
    return View(
        concept_narrower=narrower,
        excluded_passages=excluded,
        severities=severities,
        counts=counts,
        conflicts=dict(sorted(conflicts.items())),
        conflict_refs=refs,
    )


def _without(
    citations: Sequence[rules.Citation],
    excluded: frozenset[int],
) -> tuple[rules.Citation, ...]:
    out = {f"PSG{id_}" for id_ in excluded}
    return tuple(citation for citation in citations if citation.passage not in out)


def _recomputed(record: Record, columns: Mapping[str, Any]) -> Record:
    computed, effective = columns["computed"], columns["effective"]
    return {
        **record,
        "severity": {"computed": computed.value, "effective": effective.value},
        "conflict": effective.is_conflict,
        "explanation": columns["explanation"],
        "fingerprint": columns["fingerprint"],
        "decision": columns["decision"],
        "decision_status": columns["decision_status"],
        **columns["body"],
    }
