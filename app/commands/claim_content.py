"""What a claim says, as a body: read from its row, checked, and written back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.citation_checks import verification_of
from app.commands.claim_rows import (
    SCOPE_CONCEPTS,
    CitationsChange,
    Names,
    citation_key,
    claim_columns,
    fill_claim,
)
from app.commands.open_claims import OpenClaim
from app.commands.patches import patched, refuse_faults
from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, number_of, public_id
from app.models import Claim
from app.models.claims import LIVE_CLAUSE
from app.queries.records import Record
from app.schemas.seed import CITED, CitationSeed, ClaimContent
from app.schemas.seed_checks import (
    Fault,
    claim_concept_faults,
    repeated_citations,
    value_faults,
)
from app.vocabulary import ScopePart, Verification, Vocabulary


def content_of(record: Record) -> dict[str, Any]:
    """The body that would make the claim what its record says."""
    scope = record["scope"] or {}
    concepts = {part.value for part in ScopePart}
    return {
        "condition": record["condition"]["slug"],
        "question": record["question"],
        "statement": record["statement"],
        "subject": _key(record["subject"]),
        "concept": _key(record["concept"]),
        "quantity": record["quantity"],
        "words": record["words"],
        "polarity": record["polarity"],
        "scope": {
            name: _key(value) if name in concepts else value for name, value in scope.items()
        },
        "citations": [
            {"passage": f"{cited['document']['key']}/{cited['passage']['key']}"}
            | {name: cited[name] for name in CITED}
            for cited in record["citations"]
        ],
    }


def _key(named: Record | None) -> str | None:
    return named["key"] if named else None


def patched_content(record: Record, patch: dict[str, Any]) -> ClaimContent:
    """What the claim would say after the patch. Raises InvalidRequestError."""
    return patched(ClaimContent, content_of(record), patch)


def write_content(
    session: Session, row: Claim, content: ClaimContent, vocabulary: Vocabulary
) -> None:
    """Check the content and make a new row say it.

    Raises InvalidRequestError with the places that are wrong, ConflictingStateError where
    another claim says the same.
    """
    names = Names()
    names.add_used(session, content)
    refuse_faults(_faults(content, names, vocabulary))
    verifications = verification_of(session, content.citations)
    try:
        with session.begin_nested():
            fill_claim(row, content, names, vocabulary, verifications)
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise same_claim(session, content.identity) from error


class ContentChange(NamedTuple):
    """What an edit makes of a claim that was read: the columns of its row that differ, the
    members of its record but for citations, and its citations, None where those stay."""

    columns: dict[str, Any]
    members: Record
    citations: CitationsChange | None


def changed_content(
    session: Session,
    claim: OpenClaim,
    content: ClaimContent,
    vocabulary: Vocabulary,
    *,
    may_cite: bool,
) -> ContentChange:
    """Raises InvalidRequestError with the places that are wrong.

    ``may_cite``: whether citations may differ. Nothing is asked again that the claim names
    already: while its condition is locked, no concept that it uses is merged away.
    """
    names = _names_of(claim)
    is_cited_anew = (
        may_cite
        and [cited.model_dump(mode="json") for cited in content.citations]
        != content_of(claim.record)["citations"]
    )
    names.add_used(session, content, cited=is_cited_anew)
    refuse_faults(_faults(content, names, vocabulary))
    citations = None
    if is_cited_anew:
        citations = _changed_citations(session, claim.record, content, names)
    columns = claim_columns(content, names, vocabulary)
    changed = {name: own for name, own in columns.items() if own != getattr(claim.row, name)}
    members = _members(content, names, vocabulary)
    return ContentChange(changed, members, citations)


def _names_of(claim: OpenClaim) -> Names:
    row, record = claim.row, claim.record
    names = Names(conditions={claim.slug: row.condition_id})
    scope = record["scope"] or {}
    named = [(record["subject"], row.subject_id), (record["concept"], row.concept_id)]
    named += [(scope.get(part), getattr(row, f"{part}_id")) for part in SCOPE_CONCEPTS]
    for concept, id_ in named:
        if concept is not None:
            names.concepts[concept["key"]] = id_
            names.labels[concept["key"]] = concept["label"]
    return names


def _members(content: ClaimContent, names: Names, vocabulary: Vocabulary) -> Record:
    """What the record says of the content, but for citations; as it is made of the row."""

    def named(key: str | None) -> Record | None:
        return None if key is None else {"key": key, "label": names.labels[key]}

    scope: Record = {part: named(getattr(content.scope, part)) for part in SCOPE_CONCEPTS}
    scope |= {"age_low": content.scope.age_low, "age_high": content.scope.age_high}
    return {
        "type": vocabulary.question_by_key[content.question].type,
        "question": content.question,
        "statement": content.statement,
        "subject": named(content.subject),
        "concept": named(content.concept),
        "quantity": content.quantity.model_dump() if content.quantity else None,
        "words": content.words,
        "polarity": content.polarity.value,
        "scope": scope if any(value is not None for value in scope.values()) else None,
    }


def same_claim(session: Session, identity: str) -> ConflictingStateError:
    """The refusal of a claim that exists: it names the one that says the same."""
    known = session.scalar(select(Claim.id).where(Claim.identity == identity, LIVE_CLAUSE))
    if known is None:
        return ConflictingStateError("There is a claim of this key already.")
    name = public_id(Prefix.claim, known)
    return ConflictingStateError(
        f"{name} says the same: add a citation to it instead.",
        existing=name,
        links={"existing": f"/claims/{name}", "citations": f"/claims/{name}/citations"},
    )


def _faults(content: ClaimContent, names: Names, vocabulary: Vocabulary) -> Iterator[Fault]:
    if content.condition not in names.conditions:
        yield Fault("/condition", "there is no condition of this slug")
    concepts = {key for key in names.concepts if key is not None}
    yield from value_faults("", content, vocabulary)
    yield from claim_concept_faults("", content, concepts)
    yield from repeated_citations("", content)


def _changed_citations(
    session: Session, record: Record, content: ClaimContent, names: Names
) -> CitationsChange:
    """Each is worth what it was where it did not change, otherwise what the text says."""
    known: dict[Any, Verification] = {}
    ids: dict[Any, int] = {}
    for cited, body in zip(record["citations"], content_of(record)["citations"], strict=True):
        key = citation_key(CitationSeed.model_validate(body))
        known[key] = Verification(cited["verification"])
        ids[key] = number_of(Prefix.citation, cited["id"])
    places = [n for n, cited in enumerate(content.citations) if citation_key(cited) not in known]
    fresh = [content.citations[place] for place in places]
    try:
        verifications = verification_of(session, fresh) if fresh else []
    except InvalidRequestError as error:
        error.errors = [_moved(one, places) for one in error.errors]
        raise
    both = dict(zip(map(citation_key, fresh), verifications, strict=True)) | known
    worth = [both[citation_key(cited)] for cited in content.citations]
    return CitationsChange(ids, content.citations, names, worth)


def _moved(error: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """The place among all citations of one among those that are new."""
    _, name, number, member = error["pointer"].split("/", 3)
    return {**error, "pointer": f"/{name}/{places[int(number)]}/{member}"}
