"""The snapshots of new claims: written from their parts, in both ways that revisions need.

Each says what ``app.queries.records.claim_records`` will read of the claim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted  # as our other JSON has texts
from typing import NamedTuple

from app.commands.import_references import NamedConcept, NamedCondition, NamedPassage
from app.commands.import_rows import SCOPE_PARTS
from app.commands.import_staging import Planned
from app.identifiers import Prefix
from app.json_parts import as_text
from app.queries.chain import canonical
from app.queries.records import Record
from app.schemas.imports import ClaimLine
from app.schemas.seed import CitationSeed
from app.vocabulary import ClaimStatus, Verification

NULL = "null"
# Looked up here: an enumeration takes longer.
CLAIM, CITATION = Prefix.claim.value, Prefix.citation.value
DOCUMENT, PASSAGE = Prefix.document.value, Prefix.passage.value


class Snapshot(NamedTuple):
    """A value as it is stored, and in canonical form."""

    stored: str
    digested: str


NOTHING = Snapshot(NULL, NULL)


@dataclass(slots=True)
class NewClaim:
    """A new claim with all that it refers to; of each citation passage and verification."""

    plan: Planned
    line: ClaimLine
    status: ClaimStatus
    condition: NamedCondition
    concepts: Mapping[str, NamedConcept]
    passages: Sequence[NamedPassage]
    verifications: Sequence[Verification]

    def named(self, key: str | None) -> tuple[str, str] | None:
        """Key and label of one of its concepts."""
        return None if key is None else (key, self.concepts[key].label)

    def scope(self) -> Record | None:
        """Its parts with labels, and its ages; None where it names none."""
        said = self.line.scope
        if not said.model_fields_set:
            return None
        scope: Record = {part: self._labelled(getattr(said, part)) for part, _ in SCOPE_PARTS}
        scope |= {"age_low": said.age_low, "age_high": said.age_high}
        return scope if any(value is not None for value in scope.values()) else None

    def _labelled(self, key: str | None) -> Record | None:
        return None if key is None else {"key": key, "label": self.concepts[key].label}


class SnapshotWriter:
    """Writes the snapshots of a batch: what its claims have in common it writes once."""

    def __init__(self, now: str) -> None:
        self._now = quoted(now)
        self._named: dict[str | None, str] = {None: NULL}
        self._places: dict[int, _Place] = {}

    def write(self, claim: NewClaim, type_: str) -> Snapshot:
        """``type_``: that of its question."""
        plan, line = claim.plan, claim.line
        slug, name = quoted(claim.condition.slug), quoted(claim.condition.name)
        key, statement, question = quoted(line.key), quoted(line.statement), quoted(line.question)
        subject, concept = self._concept(claim, line.subject), self._concept(claim, line.concept)
        words, polarity, type_ = _text(line.words), quoted(line.polarity), quoted(type_)
        quantity, scope = (
            _both(line.quantity.model_dump() if line.quantity else None),
            _both(claim.scope()),
        )
        places = map(self._place, claim.passages)
        cited = list(map(_cited, plan.parts, line.citations, claim.verifications, places))
        stored = (
            f'{{"id":"{CLAIM}{plan.record_id}","key":{key},"version":1,"status":"{claim.status}",'
            f'"condition":{{"slug":{slug},"name":{name}}},"type":{type_},"question":{question},'
            f'"statement":{statement},"subject":{subject},"concept":{concept},'
            f'"quantity":{quantity.stored},"words":{words},"polarity":{polarity},'
            f'"scope":{scope.stored},"citations":[{",".join([one for one, _ in cited])}],'
            f'"replaced_by":null,"merged":false,"created_at":{self._now},"updated_at":{self._now}}}'
        )
        digested = (
            f'{{"citations":[{",".join([one for _, one in cited])}],"concept":{concept},'
            f'"condition":{{"name":{name},"slug":{slug}}},"created_at":{self._now},'
            f'"id":"{CLAIM}{plan.record_id}","key":{key},"merged":false,"polarity":{polarity},'
            f'"quantity":{quantity.digested},"question":{question},"replaced_by":null,'
            f'"scope":{scope.digested},"statement":{statement},"status":"{claim.status}",'
            f'"subject":{subject},"type":{type_},"updated_at":{self._now},"version":1,'
            f'"words":{words}}}'
        )
        return Snapshot(stored, digested)

    def _concept(self, claim: NewClaim, key: str | None) -> str:
        found = self._named.get(key)
        if found is None:
            assert key is not None
            label = quoted(claim.concepts[key].label)
            found = self._named[key] = f'{{"key":{quoted(key)},"label":{label}}}'
        return found

    def _place(self, passage: NamedPassage) -> "_Place":
        found = self._places.get(passage.id)
        if found is None:
            found = self._places[passage.id] = _place(passage)
        return found


class _Place(NamedTuple):
    """Document and passage of a citation; ``digested``: the passage in canonical form."""

    document: str
    passage: str
    digested: str


def _place(passage: NamedPassage) -> _Place:
    key, heading = quoted(passage.key), _text(passage.heading)
    id_ = f'"{PASSAGE}{passage.id}"'
    return _Place(
        f'{{"id":"{DOCUMENT}{passage.document_id}","key":{quoted(passage.document_key)}}}',
        f'{{"id":{id_},"key":{key},"heading":{heading}}}',
        f'{{"heading":{heading},"id":{id_},"key":{key}}}',
    )


def _cited(
    id_: int,
    cited: CitationSeed,
    verification: Verification,
    place: _Place,
) -> tuple[str, str]:
    """A citation as it is stored, and in canonical form."""
    start = NULL if cited.start is None else cited.start
    end = NULL if cited.end is None else cited.end
    quote, locator = _text(cited.quote), _text(cited.locator)
    hedge, subject = _text(cited.hedge), _text(cited.subject_words)
    certainty, frequency = quoted(cited.certainty), quoted(cited.frequency)
    exclusivity, verified = quoted(cited.exclusivity), quoted(verification)
    stored = (
        f'{{"id":"{CITATION}{id_}","document":{place.document},"passage":{place.passage},'
        f'"start":{start},"end":{end},"quote":{quote},"locator":{locator},'
        f'"certainty":{certainty},"frequency":{frequency},"exclusivity":{exclusivity},'
        f'"hedge":{hedge},"subject_words":{subject},"verification":{verified}}}'
    )
    digested = (
        f'{{"certainty":{certainty},"document":{place.document},"end":{end},'
        f'"exclusivity":{exclusivity},"frequency":{frequency},"hedge":{hedge},'
        f'"id":"{CITATION}{id_}","locator":{locator},"passage":{place.digested},'
        f'"quote":{quote},"start":{start},"subject_words":{subject},"verification":{verified}}}'
    )
    return stored, digested


def _text(text: str | None) -> str:
    return NULL if text is None else quoted(text)


def _both(value: Record | None) -> Snapshot:
    return Snapshot(as_text(value), canonical(value).decode()) if value is not None else NOTHING
