"""Claims and conflicts as JSON: what was written out before, and what is computed added to it."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import BindParameter, Select, String, Text, bindparam, cast, select, type_coerce
from sqlalchemy.orm import Session

from app.identifiers import Prefix, public_id
from app.json_parts import Json, as_text, json_object, with_members
from app.models import Claim, Concept, Condition, Conflict, ConflictClaim, WrittenClaim
from app.queries.conflicts import conflict_head, conflict_tail
from app.queries.records import AnyRow, Record, claim_records
from app.queries.search import with_highlights
from app.queries.view import visible_claims
from app.search_text import SearchQuery
from app.vocabulary import Severity

ROWS_AT_ONCE = 500
# Tables and not models: nothing is loaded but rows.
_CLAIM, _BODY = Claim.__table__.c, WrittenClaim.__table__.c.body
_CONFLICT, _MEMBER = Conflict.__table__.c, ConflictClaim.__table__.c
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CONDITION: BindParameter[Any] = bindparam("condition")


class ClaimJson(NamedTuple):
    """A claim as it is answered, and what has to be known of it to place it in an answer."""

    id: int
    version: int
    type: str
    question: str
    is_flagged: bool
    conflicts: list[Record]
    content: Json


_CLAIMS: Select[*tuple[Any, ...]] = select(
    _CLAIM.id,
    _CLAIM.version,
    _CLAIM.type,
    _CLAIM.question,
    _CLAIM.conflict,
    type_coerce(_CLAIM.severity, String).label("severity"),
    _CLAIM.passage_count,
    _CLAIM.document_count,
    _BODY,
).select_from(Claim.__table__.outerjoin(WrittenClaim.__table__))
_CLAIMS_BY_ID = _CLAIMS.where(_CLAIM.id.in_(_IDS))
_CLAIMS_OF_CONDITION = (
    _CLAIMS.where(visible_claims(), _CLAIM.condition_id == _CONDITION)
    .order_by(_CLAIM.id)
    .limit(bindparam("at_most"))
)
_REFS: Select[*tuple[Any, ...]] = (
    select(
        _MEMBER.claim_id,
        type_coerce(_MEMBER.severity, String).label("severity"),
        _CONFLICT.id,
        _CONFLICT.kind,
    )
    .select_from(ConflictClaim.__table__.join(Conflict.__table__))
    .where(_CONFLICT.status == "open")
    .order_by(_MEMBER.claim_id, _CONFLICT.id)
    .distinct()
)
_REFS_BY_ID = _REFS.where(_MEMBER.claim_id.in_(_IDS))
_REFS_OF_CONDITION = _REFS.where(_CONFLICT.condition_id == _CONDITION)


def claims_as_json(
    session: Session,
    ids: Sequence[int],
    query: SearchQuery | None = None,
) -> list[ClaimJson]:
    """Claims in the order of ``ids``, with what a query found in them marked."""
    found = {row.id: row for row in session.execute(_CLAIMS_BY_ID, {"ids": list(ids)})}
    rows = [found[id_] for id_ in ids]
    refs = conflict_refs(session, ids)
    bodies = _bodies(session, rows)
    highlights: Mapping[int, Any] = {}
    if query is not None:
        records = [json.loads(bodies[id_]) for id_ in ids]
        marked = with_highlights(session, records, query)
        highlights = {id_: own["highlights"] for id_, own in zip(ids, marked, strict=True)}
    return [_claim(row, bodies, refs, highlights) for row in rows]


def claims_of_condition(session: Session, condition_id: int, at_most: int) -> list[ClaimJson]:
    """Its public claims by id, the first ones."""
    asked = {"condition": condition_id}
    rows = session.execute(_CLAIMS_OF_CONDITION, asked | {"at_most": at_most}).all()
    refs = _refs(session.execute(_REFS_OF_CONDITION, asked))
    bodies = _bodies(session, rows)
    return [_claim(row, bodies, refs, {}) for row in rows]


def conflict_refs(session: Session, claim_ids: Sequence[int]) -> dict[int, list[Record]]:
    """The open conflicts of each claim, as they stand in it."""
    return _refs(session.execute(_REFS_BY_ID, {"ids": list(claim_ids)}))


def _refs(rows: Any) -> dict[int, list[Record]]:
    found: dict[int, dict[int, Record]] = {}
    for claim_id, severity, conflict_id, kind in rows:
        found.setdefault(claim_id, {})[conflict_id] = {
            "id": public_id(Prefix.conflict, conflict_id),
            "kind": kind,
            "severity": severity,
        }
    return {claim_id: list(refs.values()) for claim_id, refs in found.items()}


def _bodies(session: Session, rows: Sequence[AnyRow]) -> dict[int, bytes]:
    """The records; what is not written out is put together of its rows."""
    bodies = {row.id: row.body.encode() for row in rows if row.body is not None}
    missing = [row.id for row in rows if row.body is None]
    for first in range(0, len(missing), ROWS_AT_ONCE):
        records = claim_records(session, missing[first : first + ROWS_AT_ONCE])
        bodies |= {id_: to_json(record) for id_, record in records.items()}
    return bodies


def _claim(
    row: AnyRow,
    bodies: Mapping[int, bytes],
    refs: Mapping[int, list[Record]],
    highlights: Mapping[int, Any],
) -> ClaimJson:
    id_, version, type_, question, is_flagged, severity, passages, documents, _ = row
    conflicts = refs.get(id_, [])
    if conflicts or id_ in highlights:
        marked = highlights.get(id_)
        rest = _rest_of_claim(is_flagged, severity, passages, documents, conflicts, marked)
    else:
        rest = _plain_rest_of_claim(is_flagged, severity, passages, documents)
    # Behind its last member the first one of these; the record was written by us.
    content = Json(bodies[id_][:-1] + rest)
    return ClaimJson(id_, version, type_, question, is_flagged, conflicts, content)


def _rest_of_claim(  # noqa: PLR0917 - what is computed, as a row has it
    conflict: bool,
    severity: str,
    passages: int,
    documents: int,
    conflicts: list[Record],
    highlights: list[Record] | None,
) -> bytes:
    rest = {
        "conflict": conflict,
        "severity": severity,
        "conflicts": conflicts,
        "passage_count": passages,
        "document_count": documents,
        "highlights": highlights,
    }
    return b"," + to_json(rest)[1:]


@lru_cache(maxsize=1_000)
def _plain_rest_of_claim(
    conflict: bool,
    severity: str,
    passages: int,
    documents: int,
) -> bytes:
    """Of a claim that is in no conflict, as most are."""
    return _rest_of_claim(conflict, severity, passages, documents, [], None)


# Conflicts


_BODY_OF_CONFLICT = cast(Conflict.body, Text).label("written")
_SIDES = cast(Conflict.body["sides"], Text).label("sides")
_BRIEFS = (
    select(
        _CONFLICT.id,
        _CONFLICT.question,
        _CONFLICT.kind,
        _CONFLICT.computed,
        _CONFLICT.effective,
        _CONFLICT.explanation,
        _SIDES,
    )
    .where(_CONFLICT.id.in_(_IDS))
    .order_by(_CONFLICT.id)
)


def briefs_as_json(session: Session, ids: Collection[int]) -> list[Json]:
    """Conflicts short enough to stand beside every list of claims."""
    if not ids:
        return []
    rows = session.execute(_BRIEFS, {"ids": sorted(ids)})
    return [
        json_object(
            {
                "id": public_id(Prefix.conflict, row.id),
                "question": row.question,
                "kind": row.kind,
                "severity": {"computed": row.computed.value, "effective": row.effective.value},
                "explanation": row.explanation,
                "sides": Json(row.sides.encode()),
            },
        )
        for row in rows
    ]


class ConflictJson(NamedTuple):
    """A conflict in full, and how grave it is."""

    severity: Severity
    content: Json


_CONFLICTS_OF_CONDITION = (
    select(
        *(column for column in _CONFLICT if column.name != "body"),
        _BODY_OF_CONFLICT,
        Condition.__table__.c.slug,
        Condition.__table__.c.name,
        Concept.__table__.c.key.label("subject_key"),
        Concept.__table__.c.label.label("subject_label"),
    )
    .select_from(
        Conflict.__table__.join(
            Condition.__table__, Condition.__table__.c.id == _CONFLICT.condition_id
        ).outerjoin(Concept.__table__, Concept.__table__.c.id == _CONFLICT.subject_id),
    )
    .where(_CONFLICT.condition_id == _CONDITION, _CONFLICT.status == "open")
    .order_by(_CONFLICT.id)
)


def conflicts_of_condition(session: Session, condition_id: int) -> list[ConflictJson]:
    """Its open conflicts by id."""
    rows = session.execute(_CONFLICTS_OF_CONDITION, {"condition": condition_id})
    return [ConflictJson(row.effective, _conflict(row)) for row in rows]


def _conflict(row: AnyRow) -> Json:
    """As ``conflict_record`` is; the largest part of it is JSON already."""
    begun, body = json_object(conflict_head(row)), row.written.strip().encode()
    return with_members(begun[:-1] + b"," + body[1:], conflict_tail(row))


# Whether what is written is what it should be


def written_faults(session: Session) -> Iterator[str]:
    """The claims whose record was written out and is not what their rows say."""
    rows = session.execute(
        select(WrittenClaim.claim_id, WrittenClaim.body)
        .where(WrittenClaim.body.is_not(None))
        .order_by(WrittenClaim.claim_id)
        .execution_options(yield_per=ROWS_AT_ONCE),
    )
    while batch := dict(islice(rows, ROWS_AT_ONCE)):
        records = claim_records(session, list(batch))
        for id_, body in batch.items():
            if id_ not in records or as_text(records[id_]) != body:
                yield f"what is written out of the claim {id_} is not what its rows say"
