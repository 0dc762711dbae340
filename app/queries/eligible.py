"""What the conflict rules are given: published claims with citations from active documents."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from app import conflicts as rules
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, ConceptBroader, Document, Passage
from app.queries.prepared import Prepared
from app.queries.records import AnyRow
from app.queries.view import visible_claims
from app.vocabulary import ClaimStatus, DocumentStatus, ScopePart, Vocabulary

ROWS_AT_ONCE = 500
_Statement = Select[*tuple[Any, ...]]
# Says which claims are read, by values that are bound later: a statement is built once, since
# building it takes longer than running it.
_Which = Callable[[_Statement], _Statement]
# Tables and not models: nothing is loaded but rows.
_CLAIMS, _CITATIONS, _CONCEPTS = Claim.__table__, Citation.__table__, Concept.__table__
_CLAIM, _CITATION, _PASSAGE = _CLAIMS.c, _CITATIONS.c, Passage.__table__.c
_BROADER = ConceptBroader.__table__.c
_SCOPE_PARTS = tuple((part, part.value) for part in ScopePart)
_EVERYWHERE = rules.Scope()
_ORDER = attrgetter("order")


def eligible_claims(
    session: Session,
    condition_id: int,
    statuses: Sequence[ClaimStatus] = (ClaimStatus.published,),
) -> list[rules.Claim]:
    """The claims of a condition that can clash, with the citations that count.

    With more ``statuses`` than published: as if those were published too.
    """
    values = {"condition": condition_id, "statuses": list(statuses)}
    return _eligible(session, _of_condition, values)


def eligible_answers(
    session: Session,
    condition_id: int,
    questions: Collection[str],
    subjects: Collection[int | None],
    vocabulary: Vocabulary,
) -> list[rules.Claim]:
    """Of a condition's claims those that answer some questions about some subjects.

    ``subjects``: ids of concepts, None for the condition itself.
    """
    if not questions:
        return []
    types = {vocabulary.question_by_key[question].type for question in questions}
    values = {"condition": condition_id, "types": sorted(types), "questions": sorted(questions)}
    return _eligible(session, _of_answers, values | {"subjects": numbered_subjects(subjects)})


def numbered_subjects(subjects: Collection[int | None]) -> list[int]:
    """As values to bind: 0 is the condition itself."""
    return sorted({subject or 0 for subject in subjects})


def eligible_among(session: Session, claim_ids: Collection[int]) -> list[rules.Claim]:
    """Those of these claims that can clash."""
    return _eligible(session, _of_ids, {"ids": sorted(claim_ids)}) if claim_ids else []


def _eligible(session: Session, which: _Which, values: Mapping[str, Any]) -> list[rules.Claim]:
    citations = _citations(session, which, values)
    rows = _claims_statement(which).all(session, values) if citations else []
    return [_claim(row, citations[row.id]) for row in rows if row.id in citations]


def _of_condition(statement: _Statement) -> _Statement:
    return statement.where(
        _CLAIM.condition_id == bindparam("condition"),
        _CLAIM.status.in_(bindparam("statuses", expanding=True)),
    )


def _of_answers(statement: _Statement) -> _Statement:
    """The type is there for an index that has it behind the condition; none has the question."""
    return statement.where(
        _CLAIM.condition_id == bindparam("condition"),
        visible_claims(),
        _CLAIM.type.in_(bindparam("types", expanding=True)),
        _CLAIM.question.in_(bindparam("questions", expanding=True)),
        func.coalesce(_CLAIM.subject_id, 0).in_(bindparam("subjects", expanding=True)),
    )


def _of_ids(statement: _Statement) -> _Statement:
    return statement.where(visible_claims(), _CLAIM.id.in_(bindparam("ids", expanding=True)))


@cache
def _claims_statement(which: _Which) -> Prepared:
    value, subject = _CONCEPTS.alias(), _CONCEPTS.alias()
    scopes = {part: _CONCEPTS.alias() for part in ScopePart}
    tables = _CLAIMS.outerjoin(value, value.c.id == _CLAIM.concept_id)
    tables = tables.outerjoin(subject, subject.c.id == _CLAIM.subject_id)
    for part, concept in scopes.items():
        tables = tables.outerjoin(concept, concept.c.id == _CLAIM[f"{part.value}_id"])
    statement: _Statement = select(
        _CLAIM.id,
        _CLAIM.question,
        _CLAIM.quantity_low,
        _CLAIM.quantity_high,
        _CLAIM.quantity_unit,
        _CLAIM.quantity_as_said,
        _CLAIM.words,
        _CLAIM.polarity,
        _CLAIM.age_low,
        _CLAIM.age_high,
        value.c.key.label("value_key"),
        value.c.label.label("value_label"),
        subject.c.key.label("subject_key"),
        subject.c.label.label("subject_label"),
        *(scopes[part].c.key.label(name) for part, name in _SCOPE_PARTS),
    )
    return Prepared(which(statement.select_from(tables).order_by(_CLAIM.id)))


# Under this name of ``session.info`` a command that computes very many conditions, and changes
# no concept meanwhile, keeps the hierarchy.
HIERARCHY = "concept_hierarchy"


def concept_hierarchy(
    session: Session,
    claims: Sequence[rules.Claim] | None = None,
) -> rules.Concepts:
    """What is broader than the concepts of these claims, at any distance; without claims, all.

    The rules only ever look from a claim's value or scope upwards, so that nothing else of
    the hierarchy can matter, and the cost is that of the claims, not of the base.
    """
    kept: rules.Concepts | None = session.info.get(HIERARCHY)
    if kept is not None:
        return kept
    return rules.Concepts(concept_edges(session, claims))


def concept_edges(
    session: Session,
    claims: Sequence[rules.Claim] | None = None,
) -> dict[str, set[str]]:
    """The concepts directly broader than each."""
    found: dict[str, set[str]] = defaultdict(set)
    if claims is None:
        rows = iter(session.execute(_edges()))
    else:
        rows = (
            row
            for keys in _used_concepts(claims)
            for row in _edges_above().all(session, {"keys": keys})
        )
    for key, broader_key in rows:
        found[key].add(broader_key)
    return found


@cache
def _edges() -> Select[*tuple[Any, ...]]:
    narrower, broader = _CONCEPTS.alias(), _CONCEPTS.alias()
    return (
        select(narrower.c.key, broader.c.key.label("broader_key"))
        .select_from(ConceptBroader.__table__)
        .join(narrower, narrower.c.id == _BROADER.concept_id)
        .join(broader, broader.c.id == _BROADER.broader_id)
    )


@cache
def _edges_above() -> Prepared:
    concept = _CONCEPTS.c
    used = concept.key.in_(bindparam("keys", expanding=True))
    line = select(concept.id.label("id")).where(used).cte("line", recursive=True)
    line = line.union(
        select(_BROADER.broader_id).join(line, line.c.id == _BROADER.concept_id),
    )
    return Prepared(_edges().where(_BROADER.concept_id.in_(select(line.c.id))))


def _used_concepts(claims: Sequence[rules.Claim]) -> Iterator[list[str]]:
    """As many at once as a statement takes."""
    used = {claim.concept for claim in claims if claim.concept is not None}
    used |= {key for claim in claims for _, key in claim.scope.parts}
    keys = sorted(used)
    for first in range(0, len(keys), ROWS_AT_ONCE):
        yield keys[first : first + ROWS_AT_ONCE]


def _citations(
    session: Session, which: _Which, values: Mapping[str, Any]
) -> dict[int, list[rules.Citation]]:
    found: dict[int, list[rules.Citation]] = defaultdict(list)
    for row in _citations_statement(which).all(session, values):
        # Without names: a condition has many of them, and each name takes time.
        cited = rules.Citation(
            public_id(Prefix.citation, row.id),
            public_id(Prefix.passage, row.passage_id),
            public_id(Prefix.document, row.document_id),
            (row.document_id, row.position, row.start or 0, row.id),
            row.certainty,
            row.frequency,
            row.exclusivity,
        )
        found[row.claim_id].append(cited)
    return found


@cache
def _citations_statement(which: _Which) -> Prepared:
    document = Document.__table__
    statement: _Statement = (
        select(
            _CITATION.id,
            _CITATION.claim_id,
            _CITATION.passage_id,
            _CITATION.start,
            _CITATION.certainty,
            _CITATION.frequency,
            _CITATION.exclusivity,
            _PASSAGE.document_id,
            _PASSAGE.position,
        )
        .join_from(_CITATIONS, Passage.__table__)
        .join(document, document.c.id == _PASSAGE.document_id)
        .join(_CLAIMS, _CLAIM.id == _CITATION.claim_id)
        .where(document.c.status == DocumentStatus.active)
    )
    return Prepared(which(statement))


def _claim(row: AnyRow, citations: Sequence[rules.Citation]) -> rules.Claim:
    quantity = None
    if row.quantity_as_said is not None:
        quantity = rules.Quantity(row.quantity_low, row.quantity_high, row.quantity_unit)
    parts = [(part, key) for part, name in _SCOPE_PARTS if (key := getattr(row, name)) is not None]
    scope = _EVERYWHERE
    if parts or row.age_low is not None or row.age_high is not None:
        scope = rules.Scope(tuple(parts), row.age_low, row.age_high)
    return rules.Claim(
        id=public_id(Prefix.claim, row.id),
        question=row.question,
        label=row.value_label or row.quantity_as_said or row.words or "",
        concept=row.value_key,
        quantity=quantity,
        words=row.words,
        subject=row.subject_key,
        subject_label=row.subject_label,
        polarity=row.polarity,
        scope=scope,
        # As they are read, so that the rules need not put them in order each time.
        citations=tuple(sorted(citations, key=_ORDER)),
    )
