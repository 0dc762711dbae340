"""What the conflict rules are given: published claims with citations from active documents."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app import conflicts as rules
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim, Concept, ConceptBroader, Document, Passage
from app.queries.records import AnyRow
from app.vocabulary import ClaimStatus, DocumentStatus, ScopePart


def eligible_claims(
    session: Session,
    condition_id: int,
    statuses: Sequence[ClaimStatus] = (ClaimStatus.published,),
) -> list[rules.Claim]:
    """The claims of a condition that can clash, with the citations that count.

    With more ``statuses`` than published: as if those were published too.
    """
    citations = _citations(session, condition_id, statuses)
    value, subject = aliased(Concept), aliased(Concept)
    scopes = {part: aliased(Concept) for part in ScopePart}
    statement = (
        select(
            Claim,
            value.key.label("value_key"),
            value.label.label("value_label"),
            subject.key.label("subject_key"),
            subject.label.label("subject_label"),
            *(scopes[part].key.label(part.value) for part in ScopePart),
        )
        .outerjoin(value, value.id == Claim.concept_id)
        .outerjoin(subject, subject.id == Claim.subject_id)
        .where(Claim.condition_id == condition_id, Claim.status.in_(statuses))
        .order_by(Claim.id)
    )
    for part, concept in scopes.items():
        statement = statement.outerjoin(concept, concept.id == getattr(Claim, f"{part.value}_id"))
    rows = session.execute(statement).all()
    return [_claim(row, citations[row[0].id]) for row in rows if row[0].id in citations]


# Under this name of ``session.info`` a command that computes very many conditions, and changes
# no concept meanwhile, keeps the hierarchy.
HIERARCHY = "concept_hierarchy"


def concept_hierarchy(session: Session) -> rules.Concepts:
    kept: rules.Concepts | None = session.info.get(HIERARCHY)
    if kept is not None:
        return kept
    narrower, broader = aliased(Concept), aliased(Concept)
    rows = session.execute(
        select(narrower.key, broader.key)
        .select_from(ConceptBroader)
        .join(narrower, narrower.id == ConceptBroader.concept_id)
        .join(broader, broader.id == ConceptBroader.broader_id),
    )
    found: dict[str, list[str]] = defaultdict(list)
    for key, broader_key in rows:
        found[key].append(broader_key)
    return rules.Concepts(found)


def _citations(
    session: Session, condition_id: int, statuses: Sequence[ClaimStatus]
) -> dict[int, list[rules.Citation]]:
    rows = session.execute(
        select(Citation, Passage.document_id, Passage.position)
        .join(Passage, Passage.id == Citation.passage_id)
        .join(Document, Document.id == Passage.document_id)
        .join(Claim, Claim.id == Citation.claim_id)
        .where(
            Claim.condition_id == condition_id,
            Claim.status.in_(statuses),
            Document.status == DocumentStatus.active,
        ),
    )
    found: dict[int, list[rules.Citation]] = defaultdict(list)
    for citation, document_id, position in rows:
        found[citation.claim_id].append(
            rules.Citation(
                id=public_id(Prefix.citation, citation.id),
                passage=public_id(Prefix.passage, citation.passage_id),
                document=public_id(Prefix.document, document_id),
                order=(document_id, position, citation.start or 0, citation.id),
                certainty=citation.certainty,
                frequency=citation.frequency,
                exclusivity=citation.exclusivity,
            ),
        )
    return found


def _claim(row: AnyRow, citations: Sequence[rules.Citation]) -> rules.Claim:
    claim: Claim = row[0]
    quantity = None
    if claim.quantity_as_said is not None:
        quantity = rules.Quantity(claim.quantity_low, claim.quantity_high, claim.quantity_unit)
    parts = [(part, key) for part in ScopePart if (key := getattr(row, part.value)) is not None]
    return rules.Claim(
        id=public_id(Prefix.claim, claim.id),
        question=claim.question,
        label=row.value_label or claim.quantity_as_said or claim.words or "",
        concept=row.value_key,
        quantity=quantity,
        words=claim.words,
        subject=row.subject_key,
        subject_label=row.subject_label,
        polarity=claim.polarity,
        scope=rules.Scope(tuple(parts), claim.age_low, claim.age_high),
        citations=tuple(citations),
    )
