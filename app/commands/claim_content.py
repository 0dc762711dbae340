"""What a claim says, as a body: read from its row, checked, and written back."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.citation_checks import verification_of
from app.commands.claim_rows import Names, citation_key, fill_claim
from app.errors import ConflictingStateError, InvalidRequestError
from app.identifiers import Prefix, public_id
from app.models import Claim
from app.models.claims import LIVE_CLAUSE
from app.queries.records import Record, claim_records
from app.schemas.seed import CitationSeed, ClaimContent
from app.schemas.seed_checks import claim_concept_faults, repeated_citations, value_faults
from app.vocabulary import ScopePart, Verification, Vocabulary

MAX_ERRORS = 20
_CITED = tuple(name for name in CitationSeed.model_fields if name != "passage")


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
            | {name: cited[name] for name in _CITED}
            for cited in record["citations"]
        ],
    }


def _key(named: Record | None) -> str | None:
    return named["key"] if named else None


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7396: null takes a member away, objects are merged, anything else replaces."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            former = result.get(name)
            result[name] = merged(former if isinstance(former, dict) else {}, value)
        else:
            result[name] = value
    return result


def patched_content(record: Record, patch: dict[str, Any]) -> ClaimContent:
    """What the claim would say after the patch. Raises InvalidRequestError."""
    try:
        return ClaimContent.model_validate(merged(content_of(record), patch))
    except ValidationError as error:
        raise InvalidRequestError(
            "What the patch would make of the claim is not valid; `errors` names the places.",
            errors=[
                {
                    "in": "body",
                    "pointer": "/" + "/".join(str(part) for part in fault["loc"]),
                    "code": fault["type"],
                    "detail": f"{fault['msg'].removeprefix('Value error, ')[:300]}.",
                }
                for fault in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
            ],
        ) from error


def write_content(
    session: Session, row: Claim, content: ClaimContent, vocabulary: Vocabulary
) -> None:
    """Check the content and make the row say it. The row's citations are loaded.

    Raises InvalidRequestError with the places that are wrong, ConflictingStateError where
    another claim says the same.
    """
    names = Names(session, content)
    _refuse_faults(content, names, vocabulary)
    verifications = _verifications(session, row, content)
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


def _refuse_faults(content: ClaimContent, names: Names, vocabulary: Vocabulary) -> None:
    if content.condition not in names.conditions:
        faults = [("/condition", "there is no condition of this slug")]
    else:
        faults = []
    concepts = {key for key in names.concepts if key is not None}
    faults += [
        (fault.pointer, fault.reason)
        for found in (
            value_faults("", content, vocabulary),
            claim_concept_faults("", content, concepts),
            repeated_citations("", content),
        )
        for fault in found
    ]
    if faults:
        raise InvalidRequestError(
            "The claim is not valid; `errors` names the places.",
            errors=[
                {"in": "body", "pointer": pointer, "code": "invalid", "detail": f"{reason}."}
                for pointer, reason in faults[:MAX_ERRORS]
            ],
        )


def _verifications(session: Session, row: Claim, content: ClaimContent) -> list[Verification]:
    """Of each citation: what it was where it did not change, otherwise by the text."""
    known: dict[Any, Verification] = {}
    if row.id is not None:
        record = claim_records(session, [row.id])[row.id]
        for cited, body in zip(record["citations"], content_of(record)["citations"], strict=True):
            key = citation_key(CitationSeed.model_validate(body))
            known[key] = Verification(cited["verification"])
    places = [n for n, cited in enumerate(content.citations) if citation_key(cited) not in known]
    fresh = [content.citations[place] for place in places]
    try:
        verifications = verification_of(session, fresh)
    except InvalidRequestError as error:
        error.errors = [_moved(one, places) for one in error.errors]
        raise
    both = dict(zip(map(citation_key, fresh), verifications, strict=True)) | known
    return [both[citation_key(cited)] for cited in content.citations]


def _moved(error: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """The place among all citations of one among those that are new."""
    _, name, number, member = error["pointer"].split("/", 3)
    return {**error, "pointer": f"/{name}/{places[int(number)]}/{member}"}
