"""Reading conflicts, always with all their sides."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.conflicts.decisions import STALE
from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id, public_id
from app.models import Concept, Condition, Conflict
from app.queries.names import concept_ids, condition_ids
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.prepared import Prepared
from app.queries.records import Record, stamp
from app.queries.view import EVERYTHING, View
from app.vocabulary import Severity

# What stands beside a list of claims.
BRIEF = ("id", "question", "kind", "severity", "explanation", "sides")
RECOMPUTED = {"severity", "conflict"}
FLAGGED = [severity for severity in Severity if severity.is_conflict]


def get_conflict(session: Session, text: str) -> Record:
    parsed = parse_id(Prefix.conflict, text)
    records = conflict_records(session, [parsed[0]]) if parsed and parsed[1] is None else {}
    if not records:
        raise NotFoundError("There is no conflict of this id.")
    [record] = records.values()
    return record


def list_conflicts(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
    view: View = EVERYTHING,
) -> Page:
    """A page of conflicts, the open ones unless asked otherwise, by id."""
    if view.excludes:
        return _page_of_view(session, filters, at, view)
    listing = Listing("/conflicts", filters, Conflict.id, (Order(Conflict.id),))
    found = read_slice(session, listing, _clauses(session, filters), at)
    records = conflict_records(session, found.ids)
    return Page.of(found, [records[id_] for id_ in found.ids], at, filters)


def _page_of_view(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
    view: View,
) -> Page:
    """The conflicts that are left when sources are left out; what is not computed anew
    (question, rule, subject) is filtered in the base as always."""
    stored = {name: value for name, value in filters.items() if name not in RECOMPUTED}
    clauses = [*_clauses(session, stored), Conflict.id.in_(list(view.conflicts))]
    severities, flagged = filters.get("severity"), filters.get("conflict")
    kept = [
        number
        for number, record in view.conflicts.items()
        if (not severities or record["severity"]["effective"] in severities)
        and (flagged is None or record["conflict"] is flagged)
    ]
    listing = Listing("/conflicts", filters, Conflict.id, (Order(Conflict.id),))
    found = read_slice(session, listing, [*clauses, Conflict.id.in_(kept)], at)
    return Page.of(found, [view.conflicts[id_] for id_ in found.ids], at, filters)


def _clauses(session: Session, filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    status = filters.get("status", "open")
    clauses: list[ColumnElement[bool]] = [
        Conflict.status == ("open" if status == STALE else status)
    ]
    if status == STALE:
        clauses.append(Conflict.decision_status == STALE)
    columns = {
        "question": Conflict.question,
        "rule": Conflict.rule,
        "kind": Conflict.kind,
        "severity": Conflict.effective,
    }
    for name, column in columns.items():
        if filters.get(name):
            clauses.append(column.in_(filters[name]))
    if filters.get("condition"):
        ids = condition_ids(session, "condition", filters["condition"])
        clauses.append(Conflict.condition_id.in_(ids))
    if filters.get("subject"):
        clauses.append(Conflict.subject_id.in_(concept_ids(session, "subject", filters["subject"])))
    if filters.get("conflict") is not None:
        flagged = Conflict.effective.in_(FLAGGED)
        clauses.append(flagged if filters["conflict"] else ~flagged)
    return clauses


_BRIEFS = (
    select(
        Conflict.id,
        Conflict.question,
        Conflict.kind,
        Conflict.computed,
        Conflict.effective,
        Conflict.explanation,
        Conflict.body,
    )
    .where(Conflict.id.in_(bindparam("ids", expanding=True)))
    .order_by(Conflict.id)
)


def conflict_briefs(session: Session, ids: Sequence[int]) -> list[Record]:
    """Conflicts short enough to stand beside every list of claims."""
    rows = session.execute(_BRIEFS, {"ids": list(ids)})
    return [
        {
            "id": public_id(Prefix.conflict, row.id),
            "question": row.question,
            "kind": row.kind,
            "severity": {"computed": row.computed.value, "effective": row.effective.value},
            "explanation": row.explanation,
            "sides": row.body["sides"],
        }
        for row in rows
    ]


_CONFLICT, _CONDITION, _SUBJECT = (model.__table__.c for model in (Conflict, Condition, Concept))
_RECORDS = Prepared(
    select(
        *_CONFLICT,
        _CONDITION.slug,
        _CONDITION.name,
        _SUBJECT.key.label("subject_key"),
        _SUBJECT.label.label("subject_label"),
    )
    .join_from(Conflict.__table__, Condition.__table__)
    .outerjoin(Concept.__table__, _SUBJECT.id == _CONFLICT.subject_id)
    .where(_CONFLICT.id.in_(bindparam("ids", expanding=True))),
)


def conflict_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    """Conflicts as they are answered and as their revisions keep them."""
    rows = _RECORDS.all(session, {"ids": list(ids)})
    return {row.id: conflict_record(row) for row in rows}


def conflict_record(row: Any) -> Record:
    """Of the columns of a conflict, with slug and name of its condition, and its subject."""
    return {**conflict_head(row), **row.body, **conflict_tail(row, row.decision)}


def conflict_head(row: Any) -> Record:
    """What stands before its body."""
    subject = None
    if row.subject_key is not None:
        subject = {"key": row.subject_key, "label": row.subject_label}
    return {
        "id": public_id(Prefix.conflict, row.id),
        "key": row.key,
        "version": row.version,
        "status": row.status,
        "condition": {"slug": row.slug, "name": row.name},
        "rule": row.rule,
        "kind": row.kind,
        "question": row.question,
        "subject": subject,
        "severity": {"computed": row.computed.value, "effective": row.effective.value},
        "conflict": row.status == "open" and row.effective.is_conflict,
        "explanation": row.explanation,
    }


def conflict_tail(row: Any, decision: Any) -> Record:
    """What stands behind it."""
    return {
        "fingerprint": row.fingerprint,
        "decision": decision,
        "decision_status": row.decision_status,
        "vocabulary_version": row.vocabulary_number,
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }
