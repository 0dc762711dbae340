"""What the conflict rules are given: published claims with citations from active documents."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from app import conflicts as rules
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, ConceptBroader, Document, Passage
from app.queries.records import AnyRow
from app.queries.view import visible_claims
from app.vocabulary import ClaimStatus, DocumentStatus, ScopePart, Vocabulary

ROWS_AT_ONCE = 500
_Statement = Select[*tuple[Any, ...]]
# Says which claims are read, by values that are bound later: a statement is built once, since
# building it takes longer than running it.
_Which = Callable[[_Statement], _Statement]


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
    rows = session.execute(_claims_statement(which), values).all() if citations else []
    return [_claim(row, citations[row.id]) for row in rows if row.id in citations]


def _of_condition(statement: _Statement) -> _Statement:
    return statement.where(
        Claim.condition_id == bindparam("condition"),
        Claim.status.in_(bindparam("statuses", expanding=True)),
    )


def _of_answers(statement: _Statement) -> _Statement:
    """The type is there for an index that has it behind the condition; none has the question."""
    return statement.where(
        Claim.condition_id == bindparam("condition"),
        visible_claims(),
        Claim.type.in_(bindparam("types", expanding=True)),
        Claim.question.in_(bindparam("questions", expanding=True)),
        func.coalesce(Claim.subject_id, 0).in_(bindparam("subjects", expanding=True)),
    )


def _of_ids(statement: _Statement) -> _Statement:
    return statement.where(visible_claims(), Claim.id.in_(bindparam("ids", expanding=True)))


@cache
def _claims_statement(which: _Which) -> _Statement:
    value, subject = aliased(Concept), aliased(Concept)
    scopes = {part: aliased(Concept) for part in ScopePart}
    statement = (
        select(
            Claim.id,
            Claim.question,
            Claim.quantity_low,
            Claim.quantity_high,
            Claim.quantity_unit,
            Claim.quantity_as_said,
            Claim.words,
            Claim.polarity,
            Claim.age_low,
            Claim.age_high,
            value.key.label("value_key"),
            value.label.label("value_label"),
            subject.key.label("subject_key"),
            subject.label.label("subject_label"),
            *(scopes[part].key.label(part.value) for part in ScopePart),
        )
        .outerjoin(value, value.id == Claim.concept_id)
        .outerjoin(subject, subject.id == Claim.subject_id)
        .order_by(Claim.id)
    )
    for part, concept in scopes.items():
        statement = statement.outerjoin(concept, concept.id == getattr(Claim, f"{part.value}_id"))
    return which(statement)


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
            for row in session.execute(_edges_above(), {"keys": keys})
        )
    for key, broader_key in rows:
        found[key].add(broader_key)
    return found


@cache
def _edges() -> Select[*tuple[Any, ...]]:
    narrower, broader = aliased(Concept), aliased(Concept)
    return (
        select(narrower.key, broader.key)
        .select_from(ConceptBroader)
        .join(narrower, narrower.id == ConceptBroader.concept_id)
        .join(broader, broader.id == ConceptBroader.broader_id)
    )


@cache
def _edges_above() -> Select[*tuple[Any, ...]]:
    used = Concept.key.in_(bindparam("keys", expanding=True))
    line = select(Concept.id.label("id")).where(used).cte("line", recursive=True)
    line = line.union(
        select(ConceptBroader.broader_id).join(line, line.c.id == ConceptBroader.concept_id),
    )
    return _edges().where(ConceptBroader.concept_id.in_(select(line.c.id)))


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
    for row in session.execute(_citations_statement(which), values):
        found[row.claim_id].append(
            rules.Citation(
                id=public_id(Prefix.citation, row.id),
                passage=public_id(Prefix.passage, row.passage_id),
                document=public_id(Prefix.document, row.document_id),
                order=(row.document_id, row.position, row.start or 0, row.id),
                certainty=row.certainty,
                frequency=row.frequency,
                exclusivity=row.exclusivity,
            ),
        )
    return found


@cache
def _citations_statement(which: _Which) -> _Statement:
    statement = (
        select(
            Citation.id,
            Citation.claim_id,
            Citation.passage_id,
            Citation.start,
            Citation.certainty,
            Citation.frequency,
            Citation.exclusivity,
            Passage.document_id,
            Passage.position,
        )
        .join(Passage, Passage.id == Citation.passage_id)
        .join(Document, Document.id == Passage.document_id)
        .join(Claim, Claim.id == Citation.claim_id)
        .where(Document.status == DocumentStatus.active)
    )
    return which(statement)


def _claim(row: AnyRow, citations: Sequence[rules.Citation]) -> rules.Claim:
    quantity = None
    if row.quantity_as_said is not None:
        quantity = rules.Quantity(row.quantity_low, row.quantity_high, row.quantity_unit)
    parts = [(part, key) for part in ScopePart if (key := getattr(row, part.value)) is not None]
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
        scope=rules.Scope(tuple(parts), row.age_low, row.age_high),
        citations=tuple(citations),
    )
