"""Claims and conflicts as JSON: what was written out before, and what is computed added to it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import (
    BindParameter,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    cast,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from app.identifiers import Prefix, public_id
from app.json_parts import Json, as_text, json_object, with_members
from app.models import Claim, Concept, Condition, Conflict, ConflictClaim, WrittenClaim
from app.queries.conflicts import conflict_head, conflict_tail
from app.queries.highlights import highlights_in, searched_in
from app.queries.prepared import Prepared
from app.queries.records import AnyRow, Record, claim_records
from app.queries.view import visible_claims
from app.search_text import SearchQuery
from app.vocabulary import Severity

ROWS_AT_ONCE = 500
LONGEST_REMEMBERED = 16_000  # characters
MadeT = TypeVar("MadeT")
# Tables and not models: nothing is loaded but rows.
_CLAIM, _BODY = Claim.__table__.c, WrittenClaim.__table__.c.body
_CONFLICT, _MEMBER = Conflict.__table__.c, ConflictClaim.__table__.c
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CONDITION: BindParameter[Any] = bindparam("condition")


# An open conflict as it stands in a claim: its number, its kind, how grave it is.
Ref = tuple[int, str, str]


class ClaimJson(NamedTuple):
    """A claim as it is answered, and what has to be known of it to place it in an answer.

    ``conflicts`` are their numbers. ``record`` and ``rest`` are its JSON: what is written out,
    whose last brace is not part of it, and what is computed.
    """

    id: int
    version: int
    type: str
    question: str
    is_flagged: bool
    conflicts: Sequence[int]
    record: bytes
    rest: bytes

    @property
    def content(self) -> Json:
        return Json(b"".join(self.pieces))

    @property
    def pieces(self) -> tuple[memoryview, bytes]:
        return memoryview(self.record)[:-1], self.rest


class _AsBytes(FunctionElement[Any]):
    """The UTF-8 of a text as SQLite keeps it, which is not read only to be written again."""

    inherit_cache = True
    name = "as_bytes"
    type = NullType()


@compiles(_AsBytes)
def _as_it_is(element: _AsBytes, compiler: SQLCompiler, **given: Any) -> str:
    return compiler.process(element.clauses, **given)


@compiles(_AsBytes, "sqlite")
def _as_blob(element: _AsBytes, compiler: SQLCompiler, **given: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **given)} AS BLOB)"


CLAIM_COLUMNS: tuple[Any, ...] = (
    _CLAIM.id,
    _CLAIM.version,
    _CLAIM.type,
    _CLAIM.question,
    type_coerce(_CLAIM.conflict, NullType()).label("conflict"),  # of hundreds of rows
    type_coerce(_CLAIM.severity, String).label("severity"),
    _CLAIM.passage_count,
    _CLAIM.document_count,
    _AsBytes(_BODY).label("body"),
)
BODY = len(CLAIM_COLUMNS) - 1
ClaimRow = tuple[Any, ...]
CLAIM_TABLES = Claim.__table__.outerjoin(WrittenClaim.__table__)
_CLAIMS: Select[*tuple[Any, ...]] = select(*CLAIM_COLUMNS).select_from(CLAIM_TABLES)
_CLAIMS_BY_ID = Prepared(_CLAIMS.where(_CLAIM.id.in_(_IDS)), plain=True)
_CLAIMS_OF_CONDITION = Prepared(
    _CLAIMS.where(visible_claims(), _CLAIM.condition_id == _CONDITION)
    .order_by(_CLAIM.id)
    .limit(bindparam("at_most", type_=Integer)),
    plain=True,
)
_REFS: Select[*tuple[Any, ...]] = (
    select(
        _MEMBER.claim_id,
        _CONFLICT.id,
        _CONFLICT.kind,
        type_coerce(_MEMBER.severity, String).label("severity"),
    )
    .select_from(ConflictClaim.__table__.join(Conflict.__table__))
    .where(_CONFLICT.status == "open")
)
_REFS_BY_ID = Prepared(_REFS.where(_MEMBER.claim_id.in_(_IDS)), plain=True)
_REFS_OF_CONDITION = Prepared(_REFS.where(_CONFLICT.condition_id == _CONDITION), plain=True)


def claims_as_json(
    session: Session,
    ids: Sequence[int],
    query: SearchQuery | None = None,
) -> list[ClaimJson]:
    """Claims in the order of ``ids``, with what a query found in them marked."""
    if not ids:
        return []
    found = {row[0]: row for row in _CLAIMS_BY_ID.all(session, {"ids": list(ids)})}
    return claims_of_rows(session, [found[id_] for id_ in ids], query)


def claims_of_rows(
    session: Session,
    rows: Sequence[ClaimRow],
    query: SearchQuery | None = None,
) -> list[ClaimJson]:
    """The same of their ``CLAIM_COLUMNS``, behind which others may stand."""
    refs = _refs(_REFS_BY_ID.all(session, {"ids": [row[0] for row in rows]})) if rows else {}
    bodies = _bodies(session, rows)
    if query is None:
        return _claims(rows, bodies, refs)
    marked = highlights_in(session, [*map(searched_in, bodies)], query)
    return _claims(rows, bodies, refs, marked)


def claims_of_condition(session: Session, condition_id: int, at_most: int) -> list[ClaimJson]:
    """Its public claims by id, the first ones."""
    asked = {"condition": condition_id}
    rows = _CLAIMS_OF_CONDITION.all(session, asked | {"at_most": at_most})
    refs = _refs(_REFS_OF_CONDITION.all(session, asked))
    return _claims(rows, _bodies(session, rows), refs)


def conflict_refs(session: Session, claim_ids: Sequence[int]) -> dict[int, list[Record]]:
    """The open conflicts of each claim, as they stand in it."""
    found = _refs(_REFS_BY_ID.all(session, {"ids": list(claim_ids)}))
    return {claim_id: _ref_records(refs) for claim_id, refs in found.items()}


def conflicts_of_claims(session: Session, claim_ids: Sequence[int]) -> set[int]:
    """The numbers of their open conflicts."""
    rows = _REFS_BY_ID.all(session, {"ids": list(claim_ids)}) if claim_ids else []
    return {number for _, number, *_ in rows}


def _refs(rows: Any) -> dict[int, tuple[Ref, ...]]:
    """In the order of their numbers. A claim may stand on several sides of one."""
    found: dict[int, dict[int, Ref]] = {}
    for claim_id, *ref in sorted(rows):
        found.setdefault(claim_id, {})[ref[0]] = tuple(ref)
    return {claim_id: tuple(refs.values()) for claim_id, refs in found.items()}


def _ref_records(refs: Sequence[Ref]) -> list[Record]:
    return [
        {"id": public_id(Prefix.conflict, id_), "kind": kind, "severity": severity}
        for id_, kind, severity in refs
    ]


def _bodies(session: Session, rows: Sequence[ClaimRow]) -> list[bytes]:
    """The records; what is not written out is put together of its rows."""
    bodies = [row[BODY] for row in rows]
    made = _made(session, [row[0] for row in rows if row[BODY] is None])
    if made:
        bodies = [made[row[0]] if row[BODY] is None else row[BODY] for row in rows]
    return [body if type(body) is bytes else body.encode() for body in bodies]


def _made(session: Session, ids: Sequence[int]) -> dict[int, bytes]:
    made: dict[int, bytes] = {}
    for first in range(0, len(ids), ROWS_AT_ONCE):
        records = claim_records(session, ids[first : first + ROWS_AT_ONCE])
        made |= {id_: to_json(record) for id_, record in records.items()}
    return made


def _claims(
    rows: Sequence[ClaimRow],
    bodies: Sequence[bytes],
    refs: Mapping[int, tuple[Ref, ...]],
    highlights: Sequence[list[Record] | None] | None = None,
) -> list[ClaimJson]:
    found = []
    for at, (row, body) in enumerate(zip(rows, bodies, strict=True)):
        id_, version, type_, question, conflict, severity, passages, documents, *_ = row
        is_flagged, own = bool(conflict), refs.get(id_, ())
        rest = _rest_of_claim(is_flagged, severity, passages, documents, own)
        if highlights is not None and highlights[at] is not None:
            rest = rest.removesuffix(NOTHING_MARKED) + to_json(highlights[at]) + b"}"
        conflicts = [ref[0] for ref in own] if own else ()
        found.append(ClaimJson(id_, version, type_, question, is_flagged, conflicts, body, rest))
    return found


NOTHING_MARKED = b"null}"


@lru_cache(maxsize=4_000)
def _rest_of_claim(
    conflict: bool,
    severity: str,
    passages: int,
    documents: int,
    refs: tuple[Ref, ...],
) -> bytes:
    """What is computed of a claim. Many have the same; ``highlights`` stands last."""
    rest = {
        "conflict": conflict,
        "severity": severity,
        "conflicts": _ref_records(refs),
        "passage_count": passages,
        "document_count": documents,
        "highlights": None,
    }
    return b"," + to_json(rest)[1:]


# Conflicts


_BODY_OF_CONFLICT = cast(Conflict.body, Text).label("written")
_BRIEFS = Prepared(
    select(
        _CONFLICT.id,
        _CONFLICT.question,
        _CONFLICT.kind,
        _CONFLICT.computed,
        _CONFLICT.effective,
        _CONFLICT.explanation,
        _BODY_OF_CONFLICT,
    )
    .where(_CONFLICT.id.in_(_IDS))
    .order_by(_CONFLICT.id)
)


def briefs_as_json(session: Session, ids: Collection[int]) -> list[Json]:
    """Conflicts short enough to stand beside every list of claims."""
    if not ids:
        return []
    return [_brief(row) for row in _BRIEFS.all(session, {"ids": sorted(ids)})]


def _remembered(make: Callable[[AnyRow], MadeT]) -> Callable[[AnyRow], MadeT]:
    """Most conflicts are as they were when they were asked for before; long ones are made anew,
    so that little memory is held."""
    kept = lru_cache(maxsize=500)(make)

    def made(row: AnyRow) -> MadeT:
        return kept(row) if len(row.written) <= LONGEST_REMEMBERED else make(row)

    return made


@_remembered
def _brief(row: AnyRow) -> Json:
    return json_object(
        {
            "id": public_id(Prefix.conflict, row.id),
            "question": row.question,
            "kind": row.kind,
            "severity": {"computed": row.computed.value, "effective": row.effective.value},
            "explanation": row.explanation,
            "sides": from_json(row.written)["sides"],
        },
    )


class ConflictJson(NamedTuple):
    """A conflict in full, and how grave it is."""

    severity: Severity
    content: Json


# All of these are numbers, texts and moments, so that a row can be looked up.
_DECISION = cast(Conflict.decision, Text).label("decided")
_CONFLICTS_OF_CONDITION = Prepared(
    select(
        *(column for column in _CONFLICT if column.name not in {"body", "decision"}),
        _BODY_OF_CONFLICT,
        _DECISION,
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
    rows = _CONFLICTS_OF_CONDITION.all(session, {"condition": condition_id})
    return [_conflict(row) for row in rows]


@_remembered
def _conflict(row: AnyRow) -> ConflictJson:
    """As ``conflict_record`` is; the largest part of it is JSON already."""
    begun, body = json_object(conflict_head(row)), row.written.strip().encode()
    decision = Json((row.decided or "null").encode())
    tail = conflict_tail(row, decision)
    return ConflictJson(row.effective, with_members(begun[:-1] + b"," + body[1:], tail))


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
