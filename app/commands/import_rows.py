"""The rows of an imported claim, from its line."""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from app.commands.import_places import Places
from app.schemas.imports import ClaimLine
from app.schemas.seed import CITED, CitationSeed
from app.vocabulary import ClaimStatus, ScopePart, Severity, Verification, Vocabulary

Row = dict[str, Any]
SCOPE_PARTS = tuple((part.value, f"{part.value}_id") for part in ScopePart)
CITED_COLUMNS = ("passage_id", *CITED)


def concept_keys(line: ClaimLine) -> list[str]:
    """The concepts that the claim refers to."""
    scope = line.scope
    keys = [line.concept, line.subject]
    if scope.model_fields_set:
        keys += [getattr(scope, part) for part, _ in SCOPE_PARTS]
    return [key for key in keys if key is not None]


def claim_row(line: ClaimLine, concepts: Mapping[str, int], vocabulary: Vocabulary) -> Row:
    """What the line says of the claim; ``concepts``: ids by key."""
    quantity, scope = line.quantity, line.scope
    row: Row = {
        "key": line.key,
        "subject_id": concepts[line.subject] if line.subject else None,
        "question": line.question,
        "type": vocabulary.question_by_key[line.question].type,
        "statement": line.statement,
        "concept_id": concepts[line.concept] if line.concept else None,
        "quantity_low": quantity.low if quantity else None,
        "quantity_high": quantity.high if quantity else None,
        "quantity_unit": quantity.unit if quantity else None,
        "quantity_as_said": quantity.as_said if quantity else None,
        "words": line.words,
        "polarity": line.polarity,
        "age_low": scope.age_low,
        "age_high": scope.age_high,
        "passage_count": len({cited.passage for cited in line.citations}),
        "document_count": len({c.passage.partition("/")[0] for c in line.citations}),
    }
    for part, column in SCOPE_PARTS:
        key = getattr(scope, part)
        row[column] = concepts[key] if key else None
    return row


def new_claim(line: ClaimLine, id_: int, now: datetime) -> Row:
    """What a claim has besides when it is made."""
    return {"id": id_, "status": line.status or ClaimStatus.published, **made_at(now)}


def made_at(now: datetime) -> Row:
    """What all claims have that are made at that moment."""
    return {
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "severity": Severity.none,
        "conflict": False,
        "merged": False,
    }


def said(cited: CitationSeed, passage_id: int) -> tuple[Any, ...]:
    """What a citation says, as ``CITED_COLUMNS`` hold it."""
    return (passage_id, *_SAID(cited))


_SAID = attrgetter(*CITED)


def verification_of(cited: CitationSeed, places: Places) -> Verification | None:
    """Verified where the text is held, in which the quote was found; else nothing is known."""
    if cited.quote is None:
        return None
    held = places.text_of(cited.passage.partition("/")[0]) is not None
    return Verification.verified if held else None
