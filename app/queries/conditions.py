"""Reading conditions: the list, and the whole page of one in one answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.json_parts import Pieces, array_pieces, object_pieces, written
from app.models import (
    Citation,
    Claim,
    Condition,
    ConditionAlias,
    ConditionXref,
    Conflict,
    Passage,
)
from app.queries.claims import shown_claims
from app.queries.conflicts import FLAGGED, conflict_records
from app.queries.names import all_slugs, begins_a_word, find_condition, nearest_names
from app.queries.pages import Listing, Order, Page, PageAt, read_slice
from app.queries.prepared import Prepared
from app.queries.records import Record, condition_records, document_records
from app.queries.view import EVERYTHING, View, visible_claims
from app.queries.written import (
    ClaimJson,
    ConflictJson,
    claims_of_condition,
    conflicts_of_condition,
)
from app.text import slugified
from app.vocabulary import Severity, Vocabulary

MAX_CLAIMS_ON_A_PAGE = 1_000


def resolve_condition(session: Session, text: str) -> tuple[int, str]:
    """Id and slug of the condition that ``text`` names: slug, alias, or either written freely.

    Raises NotFoundError with suggestions.
    """
    found = find_condition(session, slugified(text))
    if found is None:
        slugs = all_slugs(session)
        near = list(dict.fromkeys(slugs[name] for name in nearest_names(text, slugs)))
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(f"There is no condition of this name.{hint}", suggestions=near)
    return found


def get_condition_page(
    session: Session,
    condition_id: int,
    vocabulary: Vocabulary,
    view: View = EVERYTHING,
    *,
    disclaimer: str,
) -> Record:
    """Everything that a page about the condition needs.

    At most 1,000 claims; ``truncated`` tells, and the list has them all.
    """
    record = condition_records(session, [condition_id])[condition_id]
    claims = _claims(session, condition_id, view)
    counted = _counted(session, condition_id, view, claims)
    total = counted.total()
    conflicts = _conflicts(session, condition_id, view)
    documents = _documents(session, condition_id, view)
    by_type = _counts_by_type(counted, vocabulary)
    flagged = sum(conflict.severity.is_conflict for conflict in conflicts)
    return record | {
        "disclaimer": disclaimer,
        "counts": {
            "claims": total,
            "claims_in_conflict": sum(row["claims_in_conflict"] for row in by_type),
            "citations": sum(
                passage["citations"] for document in documents for passage in document["passages"]
            ),
            "conflicts": flagged,
            "tensions": len(conflicts) - flagged,
            "documents": len(documents),
            "passages": sum(len(document["passages"]) for document in documents),
            "by_type": by_type,
        },
        "claims": _by_type(claims, by_type, vocabulary),
        "conflicts": [conflict.content for conflict in conflicts],
        "documents": documents,
        "truncated": total > len(claims),
        "links": {
            "claims": f"/claims?condition={record['slug']}",
            "conflicts": f"/conflicts?condition={record['slug']}",
        },
    }


def _claims(session: Session, condition_id: int, view: View) -> list[ClaimJson]:
    if not view.excludes:
        return claims_of_condition(session, condition_id, MAX_CLAIMS_ON_A_PAGE)
    statement = select(Claim.id).where(*_visible_of(condition_id, view)).order_by(Claim.id)
    ids = session.scalars(statement.limit(MAX_CLAIMS_ON_A_PAGE)).all()
    return shown_claims(session, ids, view)


def _counted(
    session: Session,
    condition_id: int,
    view: View,
    claims: Sequence[ClaimJson],
) -> Counter[tuple[str, bool]]:
    """The claims of the condition by type and flag; most have no more than these."""
    if len(claims) < MAX_CLAIMS_ON_A_PAGE:
        return Counter((claim.type, claim.is_flagged) for claim in claims)
    flagged = view.conflict.label("flagged")
    rows = session.execute(
        select(Claim.type, flagged, func.count())
        .where(*_visible_of(condition_id, view))
        .group_by(Claim.type, flagged),
    )
    return Counter({(type_, bool(conflict)): number for type_, conflict, number in rows})


def _conflicts(session: Session, condition_id: int, view: View) -> list[ConflictJson]:
    """The open conflicts, the gravest first, then in the order in which they came."""
    if view.excludes:
        conflicts = [
            ConflictJson(Severity(record["severity"]["effective"]), written(record))
            for record in view.conflicts.values()
        ]
    else:
        conflicts = conflicts_of_condition(session, condition_id)
    return sorted(conflicts, key=lambda conflict: -conflict.severity.rank)


def _visible_of(condition_id: int, view: View) -> list[ColumnElement[bool]]:
    clauses = [visible_claims(), Claim.condition_id == condition_id]
    return [*clauses, Claim.id.in_(list(view.counts))] if view.excludes else clauses


def conflicts_of(session: Session, condition_id: int, view: View) -> list[Record]:
    """The open conflicts, the gravest first, then in the order in which they came."""
    if view.excludes:
        return sorted(view.conflicts.values(), key=_gravest_first)
    ids = session.scalars(
        select(Conflict.id)
        .where(Conflict.condition_id == condition_id, Conflict.status == "open")
        .order_by(Conflict.id),
    ).all()
    records = conflict_records(session, ids)
    return sorted((records[id_] for id_ in ids), key=_gravest_first)


def _gravest_first(conflict: Record) -> int:
    return -Severity(conflict["severity"]["effective"]).rank


_CITATION, _PASSAGE = Citation.__table__.c, Passage.__table__.c


def _cited(*clauses: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Document and key of each passage that is cited, and how often; counted before passages are
    looked up, which are few."""
    counted = (
        select(_CITATION.passage_id, func.count().label("citations"))
        .join_from(Citation.__table__, Claim.__table__)
        .where(visible_claims(), Claim.__table__.c.condition_id == bindparam("condition"), *clauses)
        .group_by(_CITATION.passage_id)
        .subquery()
    )
    return select(_PASSAGE.document_id, _PASSAGE.key, counted.c.citations).join_from(
        counted, Passage.__table__, _PASSAGE.id == counted.c.passage_id
    )


_CITED = Prepared(_cited())


def _documents(session: Session, condition_id: int, view: View) -> list[Record]:
    """The documents that the claims cite; for each passage how many citations it has here."""
    asked = {"condition": condition_id}
    if view.excludes:
        statement = _cited(Claim.id.in_(list(view.counts)), view.citation_counts)
        rows = session.execute(statement, asked).all()
    else:
        rows = _CITED.all(session, asked)
    counts = {(document_id, key): number for document_id, key, number in rows}
    records = document_records(session, sorted({row[0] for row in rows}))
    for document_id, record in records.items():
        del record["uncited"]
        for passage in record["passages"]:
            passage["citations"] = counts.get((document_id, passage["key"]), 0)
    return [records[document_id] for document_id in sorted(records)]


def _counts_by_type(
    counted: Counter[tuple[str, bool]],
    vocabulary: Vocabulary,
) -> list[Record]:
    all_, flagged = Counter[str](), Counter[str]()
    for (type_, conflict), number in counted.items():
        all_[type_] += number
        if conflict:
            flagged[type_] += number
    return [
        {"type": row.key, "claims": all_[row.key], "claims_in_conflict": flagged[row.key]}
        for row in vocabulary.types
        if all_[row.key]
    ]


def _by_type(
    claims: Sequence[ClaimJson],
    by_type: Sequence[Record],
    vocabulary: Vocabulary,
) -> Pieces:
    """A list of the types, each with its claims in the order of the questions."""
    order = {row.key: place for place, row in enumerate(vocabulary.questions)}
    types = {row.key: row for row in vocabulary.types}
    groups: dict[str, list[ClaimJson]] = {row["type"]: [] for row in by_type}
    last = len(order)
    for claim in sorted(claims, key=lambda claim: order.get(claim.question, last)):
        groups[claim.type].append(claim)
    return array_pieces(
        object_pieces(
            {
                **count,
                "title": types[count["type"]].title,
                "description": types[count["type"]].description,
                "data": array_pieces(claim.pieces for claim in groups[count["type"]]),
            }
        )
        for count in by_type
    )


def list_conditions(
    session: Session,
    filters: Mapping[str, Any],
    at: PageAt,
) -> Page:
    """A page of conditions by slug, each with its counts."""
    listing = Listing("/conditions", filters, Condition.id, (Order(Condition.slug, str),))
    found = read_slice(session, listing, _clauses(filters), at)
    records = condition_records(session, found.ids)
    claims = _counts(session, Claim.condition_id, found.ids, visible_claims())
    flagged = (Conflict.status == "open") & Conflict.effective.in_(FLAGGED)
    conflicts = _counts(session, Conflict.condition_id, found.ids, flagged)
    data = [
        records[id_] | {"claims": claims.get(id_, 0), "conflicts": conflicts.get(id_, 0)}
        for id_ in found.ids
    ]
    return Page.of(found, data, at, filters)


def _clauses(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    words = filters.get("q")
    if words is not None:
        aliases = select(ConditionAlias.condition_id)
        aliases = aliases.where(begins_a_word(ConditionAlias.name, words))
        clauses.append(or_(begins_a_word(Condition.name, words), Condition.id.in_(aliases)))
    if filters.get("xref"):
        named = select(ConditionXref.condition_id).where(ConditionXref.curie.in_(filters["xref"]))
        clauses.append(Condition.id.in_(named))
    if filters.get("conflict") is not None:
        flagged = select(Conflict.condition_id).where(
            Conflict.status == "open",
            Conflict.effective.in_(FLAGGED),
        )
        inside = Condition.id.in_(flagged)
        clauses.append(inside if filters["conflict"] else ~inside)
    return clauses


def _counts(session: Session, column: Any, ids: Sequence[int], clause: Any) -> dict[int, int]:
    rows = session.execute(
        select(column, func.count()).where(column.in_(ids), clause).group_by(column),
    )
    return dict(rows.all())
