"""The one place that turns filters on claims into SQL. Visibility is part of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Passage
from app.queries.names import (
    concept_ids,
    condition_ids,
    document_ids,
    passage_ids,
    with_narrower,
)
from app.vocabulary import ClaimStatus

Clause = ColumnElement[bool]
Compile = Callable[[Session, Sequence[Any], Mapping[str, Any]], Clause]


def visible_claims() -> Clause:
    """What the public sees: published claims, in lists, counts and pages alike."""
    return Claim.status == ClaimStatus.published


def compile_filters(session: Session, given: Mapping[str, Any]) -> list[Clause]:
    """Clauses to be joined by AND, visibility first.

    ``given`` holds a list for each filter in use (its values are joined by OR), or a single
    value. Raises InvalidRequestError for a name that leads nowhere.
    """
    clauses = [visible_claims()]
    for name, compile_filter in FILTERS.items():
        values = given.get(name)
        if values is None or values == []:
            continue
        listed = values if isinstance(values, list) else [values]
        clauses.append(compile_filter(session, listed, given))
    return clauses


def _column(column: Any) -> Compile:
    def compile_filter(_: Session, values: Sequence[Any], __: Mapping[str, Any]) -> Clause:
        clause: Clause = column.in_(values)
        return clause

    return compile_filter


def _condition(session: Session, values: Sequence[Any], _: Mapping[str, Any]) -> Clause:
    return Claim.condition_id.in_(condition_ids(session, "condition", values))


def _concept(session: Session, values: Sequence[Any], given: Mapping[str, Any]) -> Clause:
    ids = concept_ids(session, "concept", values)
    if given.get("concept_narrower", True):
        ids = with_narrower(session, ids)
    return Claim.concept_id.in_(ids)


def _subject(session: Session, values: Sequence[Any], _: Mapping[str, Any]) -> Clause:
    return Claim.subject_id.in_(concept_ids(session, "subject", values))


def _document(session: Session, values: Sequence[Any], _: Mapping[str, Any]) -> Clause:
    wanted = Passage.document_id.in_(document_ids(session, "document", values))
    passages = select(Passage.id).where(wanted)
    return exists().where(Citation.claim_id == Claim.id, Citation.passage_id.in_(passages))


def _passage(session: Session, values: Sequence[Any], _: Mapping[str, Any]) -> Clause:
    wanted = Citation.passage_id.in_(passage_ids(session, "passage", values))
    return exists().where(Citation.claim_id == Claim.id, wanted)


FILTERS: dict[str, Compile] = {
    "condition": _condition,
    "type": _column(Claim.type),
    "question": _column(Claim.question),
    "concept": _concept,
    "subject": _subject,
    "polarity": _column(Claim.polarity),
    "conflict": _column(Claim.conflict),
    "severity": _column(Claim.severity),
    "document": _document,
    "passage": _passage,
}
