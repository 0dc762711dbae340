"""Reading claims: one, a version of one, a page of many."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, number_of, parse_id, public_id
from app.json_parts import Json, json_array, json_object, with_members, written
from app.models import Claim, Revision
from app.queries.conflicts import BRIEF, conflict_briefs
from app.queries.highlights import with_highlights
from app.queries.prepared import Prepared
from app.queries.records import Record, claim_rows
from app.queries.view import EVERYTHING, View
from app.queries.withdrawals import find_withdrawal, withdrawal_record, withdrawn
from app.queries.written import (
    CLAIM_COLUMNS,
    CLAIM_TABLES,
    ClaimJson,
    briefs_as_json,
    claims_as_json,
    claims_of_rows,
    conflict_refs,
)
from app.search_text import SearchQuery
from app.vocabulary import ClaimStatus, Severity

CLAIM_RECORD = "claim"
RETRACTED = ClaimStatus.retracted
PUBLIC_ONCE = {ClaimStatus.published, RETRACTED}
# What snapshots of earlier releases have not.
LATER_FIELDS: Record = {"replaced_by": None, "merged": False}


_CLAIM = Claim.__table__.c
# A row as ``claims_of_rows`` takes it, with how the claim stands behind it.
_STANDING = Prepared(
    select(*CLAIM_COLUMNS, _CLAIM.condition_id, _CLAIM.status, _CLAIM.merged, _CLAIM.replaced_by_id)
    .select_from(CLAIM_TABLES)
    .where(_CLAIM.id == bindparam("id")),
    plain=True,
)


class Moved(NamedTuple):
    """The record was merged into the one called ``to``."""

    to: str


class OneClaim(NamedTuple):
    """A claim with the conflicts that it is in, and how it was withdrawn."""

    id: str
    condition_id: int
    version: int
    content: Json
    withdrawal: Record | None


def get_claim(session: Session, text: str, *, signed_in: bool = False) -> OneClaim | Moved:
    """The claim called ``CLM42``, with its open conflicts and all their sides.

    Who is signed in may read one that is not published, too. Raises NotFoundError, and
    WithdrawnError with a tombstone.
    """
    number = _claim_number(text)
    row = _STANDING.first(session, {"id": number})
    *_, condition_id, status, is_merged, replaced_by_id = row or [None] * 4
    if row is None or not (status in PUBLIC_ONCE or signed_in):
        raise NotFoundError("There is no claim of this id.")
    if is_merged:
        return Moved(public_id(Prefix.claim, replaced_by_id))
    withdrawal = find_withdrawal(session, number) if status is RETRACTED else None
    if status is RETRACTED and not signed_in:
        if withdrawal is None or not withdrawal.versions:
            raise NotFoundError("There is no claim of this id.")
        raise withdrawn(text, withdrawal)
    named = _named(session, *claims_of_rows(session, [row]))
    withdrawn_by = withdrawal.record if withdrawal else None
    return OneClaim(named.id, condition_id, named.version, named.content, withdrawn_by)


class NamedClaim(NamedTuple):
    """One claim as it is answered, under its public id."""

    id: str
    version: int
    content: Json


def claim_as_json(session: Session, number: int) -> NamedClaim:
    """A claim that is there, with its open conflicts and all their sides."""
    return _named(session, *claims_as_json(session, [number]))


def _named(session: Session, claim: ClaimJson) -> NamedClaim:
    content = with_members(claim.content, {"included": included_as_json(session, claim.conflicts)})
    return NamedClaim(public_id(Prefix.claim, claim.id), claim.version, content)


def get_claim_version(session: Session, text: str, *, signed_in: bool = False) -> Record:
    """Version 3 of a claim, ``CLM42.3``, as it was; public if it was current and published."""
    parsed = parse_id(Prefix.claim, text)
    snapshot: Record | None = parsed and session.scalar(
        select(Revision.snapshot).where(
            Revision.record_type == CLAIM_RECORD,
            Revision.record_id == parsed[0],
            Revision.version == parsed[1],
        ),
    )
    is_public = snapshot is not None and snapshot["status"] == ClaimStatus.published
    if parsed is None or snapshot is None or not (is_public or signed_in):
        raise NotFoundError("There is no public version of this id.")
    return LATER_FIELDS | snapshot | {"withdrawn": withdrawal_record(session, snapshot["id"])}


def claim_bodies(
    session: Session,
    ids: Sequence[int],
    view: View = EVERYTHING,
) -> list[Record]:
    """Claims as they are answered, in the order of ``ids``: records with what is computed."""
    rows = claim_rows(session, ids)
    if view.excludes:
        return [_seen_through(view, id_, rows[id_][1]) for id_ in ids]
    conflicts = conflict_refs(session, ids)
    return [
        record
        | {
            "conflict": row.conflict,
            "severity": row.severity.value,
            "conflicts": conflicts.get(id_, []),
            "passage_count": row.passage_count,
            "document_count": row.document_count,
            "highlights": None,
        }
        for id_ in ids
        for row, record in (rows[id_],)
    ]


def _seen_through(view: View, id_: int, record: Record) -> Record:
    """A claim without its citations from sources that are left out."""
    out = {public_id(Prefix.passage, passage) for passage in view.excluded_passages}
    severity = view.severities.get(id_, Severity.none)
    passages, documents = view.counts[id_]
    return record | {
        "citations": [c for c in record["citations"] if c["passage"]["id"] not in out],
        "conflict": severity.is_conflict,
        "severity": severity.value,
        "conflicts": view.conflict_refs.get(id_, []),
        "passage_count": passages,
        "document_count": documents,
        "highlights": None,
    }


def included_conflicts(
    session: Session,
    claims: Sequence[Record],
    view: View = EVERYTHING,
) -> Record:
    """Who reads one side is given the others: the conflicts of these claims, in full."""
    ids = {ref["id"] for claim in claims for ref in claim["conflicts"]}
    if view.excludes:
        kept = (conflict for conflict in view.conflicts.values() if conflict["id"] in ids)
        return {"conflicts": _brief(kept)}
    numbers = sorted(number_of(Prefix.conflict, id_) for id_ in ids)
    return {"conflicts": conflict_briefs(session, numbers)}


def shown_claims(
    session: Session,
    ids: Sequence[int],
    view: View,
    query: SearchQuery | None = None,
) -> list[ClaimJson]:
    """Claims as they are answered, in the order of ``ids``, as JSON."""
    if not view.excludes:
        return claims_as_json(session, ids, query)
    bodies = with_highlights(session, claim_bodies(session, ids, view), query)
    return [
        ClaimJson(
            id_,
            body["version"],
            body["type"],
            body["question"],
            body["conflict"],
            [number_of(Prefix.conflict, ref["id"]) for ref in body["conflicts"]],
            written(body),
            b"}",
        )
        for id_, body in zip(ids, bodies, strict=True)
    ]


def included_as_json(
    session: Session,
    numbers: Collection[int],
    view: View = EVERYTHING,
) -> Json:
    """Who reads one side is given the others: the conflicts of some claims, in full."""
    if view.excludes:
        kept = [own for number, own in view.conflicts.items() if number in numbers]
        return written({"conflicts": _brief(kept)})
    return json_object({"conflicts": json_array(briefs_as_json(session, numbers))})


def _brief(conflicts: Iterable[Record]) -> list[Record]:
    return [{part: conflict[part] for part in BRIEF} for conflict in conflicts]


def _claim_number(text: str) -> int:
    parsed = parse_id(Prefix.claim, text)
    if parsed is None or parsed[1] is not None:
        raise NotFoundError("There is no claim of this id.")
    return parsed[0]
