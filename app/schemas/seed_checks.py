"""Reading a seed file: well-formed, complete in itself, every place named that is wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from app.errors import MalformedRequestError, SeedError
from app.schemas.seed import CitationSeed, ClaimContent, DocumentContent, PassageSeed, Seed
from app.schemas.strict_json import read_json
from app.vocabulary import Policy, ScopePart, Vocabulary

MAX_ERRORS = 20


class Span(Protocol):
    """A passage, as a body or as a row."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fault:
    pointer: str  # RFC 6901
    reason: str


def read_seed(content: bytes, vocabulary: Vocabulary) -> Seed:
    """The checked seed. Raises SeedError that names places by JSON pointer."""
    try:
        data = read_json(content)
    except MalformedRequestError as error:
        raise SeedError(f"The seed cannot be read: {error.detail}") from error
    try:
        seed = Seed.model_validate(data)
    except ValidationError as error:
        raise _refusal([Fault(pointer_of(e["loc"]), e["msg"]) for e in error.errors()]) from error
    faults = list(find_faults(seed, vocabulary))
    if faults:
        raise _refusal(faults)
    return seed


def _refusal(faults: list[Fault]) -> SeedError:
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    return SeedError(
        f"The seed is refused at {faults[0].pointer or 'its top'}: {faults[0].reason}.{more}",
        errors=[
            {"in": "seed", "pointer": fault.pointer, "code": "invalid", "detail": fault.reason}
            for fault in faults[:MAX_ERRORS]
        ],
    )


def pointer_of(location: tuple[Any, ...]) -> str:
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in location)


def find_faults(seed: Seed, vocabulary: Vocabulary) -> Iterator[Fault]:
    """What a schema cannot see: names that lead nowhere, duplicates, spans out of bounds."""
    concepts = {concept.key for concept in seed.concepts}
    yield from duplicates("/concepts", "/key", [concept.key for concept in seed.concepts])
    yield from duplicates("/documents", "/key", [document.key for document in seed.documents])
    yield from duplicates("/claims", "/key", [claim.key for claim in seed.claims])
    yield from _concept_faults(seed, concepts)
    yield from _condition_faults(seed)
    passages: dict[str, PassageSeed] = {}
    for number, document in enumerate(seed.documents):
        yield from document_faults(f"/documents/{number}", document)
        passages |= {f"{document.key}/{part.key}": part for part in document.passages}
    conditions = {condition.slug for condition in seed.conditions}
    identities: dict[str, int] = {}
    for number, claim in enumerate(seed.claims):
        pointer = f"/claims/{number}"
        if claim.condition not in conditions:
            yield Fault(f"{pointer}/condition", f"there is no condition {claim.condition}")
        yield from value_faults(pointer, claim, vocabulary)
        yield from claim_concept_faults(pointer, claim, concepts)
        yield from citation_faults(pointer, claim, passages)
        former = identities.setdefault(claim.identity, number)
        if former != number:
            yield Fault(pointer, f"the same claim stands at /claims/{former}")


def duplicates(pointer: str, member: str, keys: list[str]) -> Iterator[Fault]:
    """``member`` is the pointer from an element to its key: ``/key``, or nothing."""
    seen: set[str] = set()
    for number, key in enumerate(keys):
        if key in seen:
            yield Fault(f"{pointer}/{number}{member}", f"{key} stands there twice")
        seen.add(key)


def _concept_faults(seed: Seed, concepts: set[str]) -> Iterator[Fault]:
    broader = {concept.key: set(concept.broader) for concept in seed.concepts}
    for number, concept in enumerate(seed.concepts):
        pointer = f"/concepts/{number}"
        yield from duplicates(f"{pointer}/synonyms", "", concept.synonyms)
        yield from duplicates(f"{pointer}/broader", "", concept.broader)
        for place, key in enumerate(concept.broader):
            if key not in concepts:
                yield Fault(f"{pointer}/broader/{place}", f"there is no concept {key}")
        if concept.key in _all_broader(concept.key, broader):
            yield Fault(f"{pointer}/broader", f"{concept.key} is broader than itself")


def _all_broader(key: str, broader: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(broader[key])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(broader.get(one, ()))
    return found


def _condition_faults(seed: Seed) -> Iterator[Fault]:
    taken: set[str] = set()
    for number, condition in enumerate(seed.conditions):
        named = [(f"/conditions/{number}/slug", condition.slug)]
        named += [
            (f"/conditions/{number}/aliases/{place}/slug", alias.slug)
            for place, alias in enumerate(condition.aliases)
        ]
        for pointer, slug in named:
            if slug in taken:
                yield Fault(pointer, f"{slug} is the slug of another condition or alias")
            taken.add(slug)


def document_faults(pointer: str, document: DocumentContent) -> Iterator[Fault]:
    yield from duplicates(f"{pointer}/passages", "/key", [p.key for p in document.passages])
    last_end = 0
    for number, passage in enumerate(document.passages):
        place = f"{pointer}/passages/{number}"
        if not last_end <= passage.start < passage.end:
            yield Fault(f"{place}/start", "passages follow each other without overlap")
        if document.length is not None and passage.end > document.length:
            yield Fault(f"{place}/end", "the passage ends after the document")
        last_end = passage.end
    for number, span in enumerate(document.uncited):
        if not any(p.start <= span.start < span.end <= p.end for p in document.passages):
            yield Fault(f"{pointer}/uncited/{number}", "the sentence lies in no passage")


def value_faults(pointer: str, claim: ClaimContent, vocabulary: Vocabulary) -> Iterator[Fault]:
    question = vocabulary.question_by_key.get(claim.question)
    if question is None:
        yield Fault(f"{pointer}/question", f"the vocabulary has no question {claim.question}")
        return
    given = next(name for name in ("concept", "quantity", "words") if getattr(claim, name))
    if given not in question.values:
        allowed = " or ".join(question.values)
        yield Fault(f"{pointer}/{given}", f"{claim.question} is answered by {allowed}")
    if given == "words" and question.policy is not Policy.open:
        yield Fault(f"{pointer}/words", "only an open question is answered by words")


_SCOPE_PARTS = tuple(part.value for part in ScopePart)


def claim_concept_faults(pointer: str, claim: ClaimContent, concepts: set[str]) -> Iterator[Fault]:
    scope = claim.scope
    named = [("concept", claim.concept), ("subject", claim.subject)]
    if scope.model_fields_set:
        named += [(f"scope/{part}", getattr(scope, part)) for part in _SCOPE_PARTS]
    for place, key in named:
        if key is not None and key not in concepts:
            yield Fault(f"{pointer}/{place}", f"there is no concept {key}")
    low, high = scope.age_low, scope.age_high
    if low is not None and high is not None and low > high:
        yield Fault(f"{pointer}/scope/age_low", "age_low is above age_high")


def citation_faults(
    pointer: str,
    claim: ClaimContent,
    passages: Mapping[str, Span],
) -> Iterator[Fault]:
    for number, citation in enumerate(claim.citations):
        passage = passages.get(citation.passage)
        if passage is None:
            place = f"{pointer}/citations/{number}/passage"
            yield Fault(place, f"there is no passage {citation.passage}")
        elif not _lies_within(citation, passage):
            place = f"{pointer}/citations/{number}/start"
            yield Fault(place, f"the quote lies outside of {citation.passage}")
    yield from repeated_citations(pointer, claim)


def repeated_citations(pointer: str, claim: ClaimContent) -> Iterator[Fault]:
    if len(claim.citations) == 1:
        return
    seen: dict[tuple[str, int | None, int | None, str | None], int] = {}
    for number, citation in enumerate(claim.citations):
        span = (citation.passage, citation.start, citation.end, citation.locator)
        if seen.setdefault(span, number) != number:
            former = f"{pointer}/citations/{seen[span]}"
            yield Fault(f"{pointer}/citations/{number}", f"the same citation stands at {former}")


def _lies_within(citation: CitationSeed, passage: Span) -> bool:
    if citation.start is None or citation.end is None:
        return True
    return passage.start <= citation.start and citation.end <= passage.end
