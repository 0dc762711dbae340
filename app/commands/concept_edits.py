"""Creating and changing concepts. The claims that use them are found, locked and recomputed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import exists, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from app.commands.changes import ChangeDraft, note_event
from app.commands.parts import in_parts
from app.commands.patches import exists_already, patched, refuse_faults
from app.commands.search import index_claims_of_concepts
from app.commands.touched import RecordEdit, lock_touched, refresh_touched
from app.commands.versions import take_version
from app.errors import ConflictingStateError, NotFoundError
from app.identifiers import Prefix
from app.models import Claim, Concept, ConceptBroader, ConceptSynonym, ConceptXref
from app.models.base import utc_now
from app.models.concepts import FOLDED
from app.queries.names import with_narrower
from app.queries.records import Record, concept_records
from app.schemas.concept_edits import ConceptIn
from app.schemas.seed import ConceptSeed
from app.schemas.seed_checks import Fault, duplicates
from app.text import folded
from app.vocabulary import ScopePart

USES = (Claim.concept_id, Claim.subject_id, *(getattr(Claim, f"{p}_id") for p in ScopePart))
# What claims are found by, and what the explanations of their conflicts say.
SHOWN_IN_CLAIMS = {"label", "synonyms", "broader"}


def create_concept(session: Session, draft: ChangeDraft, body: ConceptIn) -> int:
    """A new concept; its id.

    Raises InvalidRequestError with the places that are wrong, ConflictingStateError where the
    key is another concept's.
    """
    content = ConceptSeed.model_validate(body.model_dump(exclude={"reason"}))
    broader = _broader(session, content)
    refuse_faults(_faults(content, broader))
    now = utc_now()
    row = Concept(
        key=content.key,
        version=1,
        created_at=now,
        updated_at=now,
        synonyms=[],
        broader=[],
        xrefs=[],
    )
    _fill(row, content, broader)
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        known = session.scalar(select(Concept.id).where(Concept.key == content.key))
        raise exists_already("concept", Prefix.concept, known, "/concepts", content.key) from error
    note_event(session, draft, "concept", row, "created")
    return row.id


def edit_concept(
    session: Session, draft: ChangeDraft, edit: RecordEdit, patch: dict[str, Any]
) -> None:
    """Make the concept what the merge patch says."""
    moves = "broader" in patch
    slugs = {}
    if SHOWN_IN_CLAIMS & patch.keys():
        slugs = lock_concepts(session, [edit.record_id], with_those_below=moves)
    row = take_concept(session, edit)
    record = concept_records(session, [row.id])[row.id]
    content = patched(ConceptSeed, content_of(record), patch)
    broader = _broader(session, content)
    below = set(with_narrower(session, [row.id])) if moves else set()
    refuse_faults(_faults(content, broader, below))
    _fill(row, content, broader)
    note_event(session, draft, "concept", row, "updated")
    if {"label", "synonyms"} & patch.keys():
        index_claims_of_concepts(session, [row.id])
    if {"label", "broader"} & patch.keys():
        claims = _found_by_use(session, Claim.id, below or {row.id})
        refresh_touched(session, draft, slugs, edit.vocabulary, claims)


def lock_concepts(
    session: Session, concept_ids: Sequence[int], *, with_those_below: bool
) -> dict[int, str]:
    """Lock the conditions whose claims use these concepts, then the concepts: slugs by id.

    The lock of a concept keeps others from using it, as a claim refers to it. With those
    below, which are used through them, the hierarchy as a whole is kept as it is.
    """

    def concepts() -> Sequence[int]:
        return with_narrower(session, concept_ids) if with_those_below else concept_ids

    def touched() -> set[int]:
        return _found_by_use(session, Claim.condition_id, concepts())

    def lock() -> None:
        for part in in_parts(concepts()):
            own = select(Concept.id).where(Concept.id.in_(part)).order_by(Concept.id)
            session.execute(own.with_for_update())
        if with_those_below and session.get_bind().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE concept_broader IN SHARE ROW EXCLUSIVE MODE"))

    return lock_touched(session, touched, lock)


def _found_by_use(
    session: Session, wanted: InstrumentedAttribute[int], concept_ids: Collection[int]
) -> set[int]:
    """This column of the claims that use some concepts."""
    found: set[int] = set()
    for part in in_parts(concept_ids):
        uses = or_(*(column.in_(part) for column in USES))
        found |= set(session.scalars(select(wanted).where(uses).distinct()))
    return found


def take_concept(session: Session, edit: RecordEdit) -> Concept:
    """The next version of a concept, with all that belongs to it.

    Raises NotFoundError, StaleError, and ConflictingStateError for one that was merged.
    """
    if not session.scalar(select(exists().where(Concept.id == edit.record_id))):
        raise NotFoundError("There is no concept of this key.")
    take_version(session, "concept", Concept, edit.record_id, edit.version)
    row = loaded(session, edit.record_id)
    if row.merged_into_id is not None:
        target = loaded(session, row.merged_into_id).key
        raise ConflictingStateError(f"The concept was merged into {target}: change that one.")
    return row


def loaded(session: Session, concept_id: int) -> Concept:
    return session.scalars(
        select(Concept)
        .where(Concept.id == concept_id)
        .options(
            selectinload(Concept.synonyms),
            selectinload(Concept.broader),
            selectinload(Concept.xrefs),
        )
        .execution_options(populate_existing=True),
    ).one()


def content_of(record: Record) -> dict[str, Any]:
    """The body that would make the concept what its record says."""
    content = {name: record[name] for name in ConceptSeed.model_fields}
    content["broader"] = [concept["key"] for concept in record["broader"]]
    return content


def write_synonyms(row: Concept, terms: Sequence[str]) -> None:
    former = {synonym.term: synonym for synonym in row.synonyms}
    row.synonyms = [
        former.get(term) or ConceptSynonym(term=term, folded=folded(term)[:FOLDED])
        for term in terms
    ]
    for position, synonym in enumerate(row.synonyms):
        synonym.position = position


def write_xrefs(row: Concept, xrefs: Sequence[tuple[str, str]]) -> None:
    """Each a CURIE and how well it fits."""
    former = {xref.curie: xref for xref in row.xrefs}
    row.xrefs = [former.get(curie) or ConceptXref(curie=curie) for curie, _ in xrefs]
    for position, (xref, (_, fit)) in enumerate(zip(row.xrefs, xrefs, strict=True)):
        xref.position, xref.fit = position, fit


def _fill(row: Concept, content: ConceptSeed, broader: dict[str, int]) -> None:
    row.label, row.kind, row.description = content.label, content.kind, content.description
    write_synonyms(row, content.synonyms)
    write_xrefs(row, [(xref.id, xref.fit) for xref in content.xrefs])
    former = {edge.broader_id: edge for edge in row.broader}
    ids = sorted(broader[key] for key in content.broader)
    row.broader = [former.get(id_) or ConceptBroader(broader_id=id_) for id_ in ids]


def _broader(session: Session, content: ConceptSeed) -> dict[str, int]:
    """Ids of the concepts that are named as broader; one that was merged is no name any more."""
    known = select(Concept.key, Concept.id).where(
        Concept.key.in_(content.broader),
        Concept.merged_into_id.is_(None),
    )
    return dict(session.execute(known).all())


def _faults(
    content: ConceptSeed, broader: dict[str, int], below: set[int] | None = None
) -> Iterator[Fault]:
    """``below``: the concept itself and all that is narrower."""
    yield from duplicates("/synonyms", "", content.synonyms)
    yield from duplicates("/broader", "", content.broader)
    yield from duplicates("/xrefs", "/id", [xref.id for xref in content.xrefs])
    for place, key in enumerate(content.broader):
        if key not in broader:
            yield Fault(f"/broader/{place}", f"there is no concept {key}")
        elif broader[key] in (below or set()):
            yield Fault(f"/broader/{place}", f"{content.key} would be broader than itself")
