"""What the conflict rules are given: published claims with citations from active documents."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, aliased

from app import conflicts as rules
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, ConceptBroader, Document, Passage
from app.queries.records import AnyRow
from app.vocabulary import ClaimStatus, DocumentStatus, ScopePart

ROWS_AT_ONCE = 500


def eligible_claims(
    session: Session,
    condition_id: int,
    statuses: Sequence[ClaimStatus] = (ClaimStatus.published,),
) -> list[rules.Claim]:
    """The claims of a condition that can clash, with the citations that count.

    With more ``statuses`` than published: as if those were published too.
    """
    citations = _citations(session, condition_id, statuses)
    values = {"condition": condition_id, "statuses": list(statuses)}
    rows = session.execute(_claims_statement(), values).all()
    return [_claim(row, citations[row.id]) for row in rows if row.id in citations]


@cache
def _claims_statement() -> Select[*tuple[Any, ...]]:
    """Built once: building it takes longer than running it."""
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
        .where(
            Claim.condition_id == bindparam("condition"),
            Claim.status.in_(bindparam("statuses", expanding=True)),
        )
        .order_by(Claim.id)
    )
    for part, concept in scopes.items():
        statement = statement.outerjoin(concept, concept.id == getattr(Claim, f"{part.value}_id"))
    return statement


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
    for statement in [_edges()] if claims is None else _edges_above(claims):
        for key, broader_key in session.execute(statement):
            found[key].add(broader_key)
    return found


def _edges() -> Select[*tuple[Any, ...]]:
    narrower, broader = aliased(Concept), aliased(Concept)
    return (
        select(narrower.key, broader.key)
        .select_from(ConceptBroader)
        .join(narrower, narrower.id == ConceptBroader.concept_id)
        .join(broader, broader.id == ConceptBroader.broader_id)
    )


def _edges_above(claims: Sequence[rules.Claim]) -> Iterator[Select[*tuple[Any, ...]]]:
    used = {claim.concept for claim in claims if claim.concept is not None}
    used |= {key for claim in claims for _, key in claim.scope.parts}
    keys = sorted(used)
    for first in range(0, len(keys), ROWS_AT_ONCE):
        batch = Concept.key.in_(keys[first : first + ROWS_AT_ONCE])
        line = select(Concept.id.label("id")).where(batch).cte("line", recursive=True)
        line = line.union(
            select(ConceptBroader.broader_id).join(line, line.c.id == ConceptBroader.concept_id),
        )
        yield _edges().where(ConceptBroader.concept_id.in_(select(line.c.id)))


def _citations(
    session: Session, condition_id: int, statuses: Sequence[ClaimStatus]
) -> dict[int, list[rules.Citation]]:
    values = {"condition": condition_id, "statuses": list(statuses)}
    found: dict[int, list[rules.Citation]] = defaultdict(list)
    for row in session.execute(_citations_statement(), values):
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
def _citations_statement() -> Select[*tuple[Any, ...]]:
    return (
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
        .where(
            Claim.condition_id == bindparam("condition"),
            Claim.status.in_(bindparam("statuses", expanding=True)),
            Document.status == DocumentStatus.active,
        )
    )


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
