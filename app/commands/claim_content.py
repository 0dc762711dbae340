"""What a claim says, as a body: read from its row, checked, and written back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.citation_checks import verification_of
from app.commands.claim_rows import Names, citation_key, fill_claim
from app.commands.patches import patched, refuse_faults
from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, public_id
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
    session: Session,
    row: Claim,
    content: ClaimContent,
    vocabulary: Vocabulary,
    *,
    known: Record | None,
    conditions: Mapping[str, int],
) -> None:
    """Check the content and make the row say it. The row's citations are loaded.

    ``known`` is the record as it stands, None for a new claim, ``conditions`` those whose slug
    was read already. Raises InvalidRequestError with the places that are wrong,
    ConflictingStateError where another claim says the same.
    """
    names = Names(session, content, conditions)
    refuse_faults(_faults(content, names, vocabulary))
    verifications = _verifications(session, known, content)
    try:
        with session.begin_nested():
            fill_claim(row, content, names, vocabulary, verifications)
            row.identity = content.identity
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise same_claim(session, content.identity) from error


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


def _verifications(
    session: Session, record: Record | None, content: ClaimContent
) -> list[Verification]:
    """Of each citation: what it was where it did not change, otherwise by the text."""
    known: dict[Any, Verification] = {}
    if record is not None:
        for cited, body in zip(record["citations"], content_of(record)["citations"], strict=True):
            key = citation_key(CitationSeed.model_validate(body))
            known[key] = Verification(cited["verification"])
    places = [n for n, cited in enumerate(content.citations) if citation_key(cited) not in known]
    fresh = [content.citations[place] for place in places]
    try:
        verifications = verification_of(session, fresh) if fresh else []
    except InvalidRequestError as error:
        error.errors = [_moved(one, places) for one in error.errors]
        raise
    both = dict(zip(map(citation_key, fresh), verifications, strict=True)) | known
    return [both[citation_key(cited)] for cited in content.citations]


def _moved(error: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """The place among all citations of one among those that are new."""
    _, name, number, member = error["pointer"].split("/", 3)
    return {**error, "pointer": f"/{name}/{places[int(number)]}/{member}"}
