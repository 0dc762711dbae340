"""New claims made ready before anything is locked: rows, search words, snapshots, digests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from app.commands.changes import Event, written_event
from app.commands.driver_rows import DriverRow, DriverRows
from app.commands.import_conflicts import RuledRow, ruled_row
from app.commands.import_events import Ready, Spool
from app.commands.import_places import Places
from app.commands.import_references import (
    NamedConcept,
    NamedCondition,
    NamedPassage,
    References,
)
from app.commands.import_rows import (
    CITED_COLUMNS,
    SCOPE_PARTS,
    claim_row,
    concept_keys,
    new_claim,
    said,
    verification_of,
)
from app.commands.import_staging import CREATE, Planned, Staging
from app.identifiers import Prefix, public_id
from app.models import Citation, Claim
from app.models.base import utc_now
from app.queries.records import Record, stamp
from app.queries.search import fts5_columns, is_postgresql, tsvector_text
from app.schemas.imports import ClaimLine
from app.schemas.seed import CitationSeed
from app.search_text import ClaimTexts, ClaimWords, claim_words
from app.vocabulary import ClaimStatus, Verification, Vocabulary

CLAIM_COLUMNS = tuple(
    column.name for column in Claim.__table__.columns if column.name != "replaced_by_id"
)
CITATION_COLUMNS = ("id", "claim_id", "position", "verification", *CITED_COLUMNS)
Prepared = dict[str, list[Any]]


class ClaimPreparer:
    """What it prepares holds as long as the plan does."""

    def __init__(
        self,
        session: Session,
        staging: Staging,
        places: Places,
        spool: Spool,
        vocabulary: Vocabulary,
    ) -> None:
        self._staging = staging
        self._places = places
        self._spool = spool
        self._vocabulary = vocabulary
        self._references = References(session, staging)
        self._now = utc_now()
        self._stamp = stamp(self._now)
        self._claims = DriverRows.of(session, Claim, CLAIM_COLUMNS)
        self._citations = DriverRows.of(session, Citation, CITATION_COLUMNS)
        self._found_by = _tsvector if is_postgresql(session) else fts5_columns

    def prepare(self, batch: Sequence[tuple[Planned, ClaimLine, str]]) -> Ready | None:
        """Where the batch is kept ready; None where it or what it refers to is changed.

        ``batch``: what is done with each line, the line, and its identity.
        """
        lines = [line for _, line, _ in batch]
        used = [concept_keys(line) for line in lines]
        concepts = self._references.concepts(set(chain.from_iterable(used)))
        conditions = self._references.conditions({line.condition for line in lines})
        passages = self._references.passages({c.passage for own in lines for c in own.citations})
        prepared: Prepared = {"claims": [], "citations": [], "words": [], "events": []}
        ruled: list[RuledRow] = []
        for (plan, line, identity), keys in zip(batch, used, strict=True):
            ids = {key: concepts[key].id for key in keys if key in concepts}
            is_settled = (
                len(ids) == len(set(keys))
                and line.condition in conditions
                and all(cited.passage in passages for cited in line.citations)
            )
            if plan.action != CREATE or not is_settled:
                return None
            claim = _Claim(plan, line, conditions[line.condition], ids, concepts, passages)
            self._prepare_one(claim, identity, prepared, ruled)
        self._staging.add_ruled(ruled)
        events = prepared.pop("events")
        return Ready(self._spool.append(prepared), self._spool.append(events), len(events))

    def _prepare_one(
        self,
        claim: "_Claim",
        identity: str,
        prepared: Prepared,
        ruled: list[RuledRow],
    ) -> None:
        line, plan = claim.line, claim.plan
        row = claim_row(line, claim.ids, self._vocabulary)
        row |= new_claim(line, plan.record_id, self._now)
        row["condition_id"] = claim.condition.id
        row["identity"] = identity
        row["updated_at"] = self._now
        prepared["claims"].append(self._claims.row(row))
        verifications = [
            verification_of(cited, self._places) or Verification.unverified
            for cited in line.citations
        ]
        prepared["citations"] += self._citation_rows(claim, verifications)
        prepared["words"].append(self._words(claim))
        snapshot = claim.snapshot(row, verifications, self._stamp)
        event = Event("claim", plan.record_id, 1, "created", snapshot, claim.condition.id)
        prepared["events"].append(tuple(written_event(event)))
        if claim.condition.is_new and row["status"] is ClaimStatus.published:
            ruled.append(ruled_row(claim.condition, snapshot, claim.orders(), self._vocabulary))

    def _citation_rows(
        self,
        claim: "_Claim",
        verifications: Sequence[Verification],
    ) -> list[DriverRow]:
        rows = []
        cited = zip(claim.plan.parts, claim.line.citations, verifications, strict=True)
        for position, (id_, one, verification) in enumerate(cited, start=1):
            own = (id_, claim.plan.record_id, position, verification)
            of_one = said(one, claim.passages[one.passage].id)
            rows.append(self._citations.row_of((*own, *of_one)))
        return rows

    def _words(self, claim: "_Claim") -> DriverRow:
        line = claim.line
        labels = [
            label
            for key in (line.concept, line.subject)
            if key is not None
            for label in claim.concepts[key].labels
        ]
        said_so = line.quantity.as_said if line.quantity is not None else None
        labels += [own for own in (said_so, line.words) if own is not None]
        quotes = [cited.quote for cited in line.citations if cited.quote is not None]
        words = claim_words(ClaimTexts(line.statement, labels, quotes))
        return (claim.plan.record_id, *self._found_by(words))


def _tsvector(words: ClaimWords) -> tuple[str]:
    return (tsvector_text(words),)


@dataclass(slots=True)
class _Claim:
    """A new claim with all that it refers to; ``ids``: of its own concepts by key."""

    plan: Planned
    line: ClaimLine
    condition: NamedCondition
    ids: Mapping[str, int]
    concepts: Mapping[str, NamedConcept]
    passages: Mapping[str, NamedPassage]

    def snapshot(
        self,
        row: Mapping[str, Any],
        verifications: Sequence[Verification],
        now: str,
    ) -> Record:
        """What ``app.queries.records.claim_records`` will read of it."""
        line, quantity = self.line, self.line.quantity
        scope: Record | None = None
        if any(row[column] is not None for column in _SCOPE_COLUMNS):
            scope = {part: self._named(getattr(line.scope, part)) for part, _ in SCOPE_PARTS}
            scope |= {"age_low": line.scope.age_low, "age_high": line.scope.age_high}
        return {
            "id": public_id(Prefix.claim, self.plan.record_id),
            "key": line.key,
            "version": 1,
            "status": row["status"].value,
            "condition": {"slug": self.condition.slug, "name": self.condition.name},
            "type": row["type"],
            "question": line.question,
            "statement": line.statement,
            "subject": self._named(line.subject),
            "concept": self._named(line.concept),
            "quantity": quantity.model_dump() if quantity else None,
            "words": line.words,
            "polarity": line.polarity.value,
            "scope": scope,
            "citations": [
                self._cited(*one)
                for one in zip(self.plan.parts, line.citations, verifications, strict=True)
            ],
            "replaced_by": None,
            "merged": False,
            "created_at": now,
            "updated_at": now,
        }

    def orders(self) -> list[tuple[int, ...] | None]:
        """The place of each citation in reading order, None where it does not count."""
        places = [self.passages[cited.passage] for cited in self.line.citations]
        return [
            (place.document_id, place.position, cited.start or 0, id_) if place.is_active else None
            for place, cited, id_ in zip(places, self.line.citations, self.plan.parts, strict=True)
        ]

    def _named(self, key: str | None) -> Record | None:
        if key is None:
            return None
        concept = self.concepts[key]
        return {"key": concept.key, "label": concept.label}

    def _cited(self, id_: int, cited: CitationSeed, verification: Verification) -> Record:
        passage = self.passages[cited.passage]
        return {
            "id": public_id(Prefix.citation, id_),
            "document": {
                "id": public_id(Prefix.document, passage.document_id),
                "key": passage.document_key,
            },
            "passage": {
                "id": public_id(Prefix.passage, passage.id),
                "key": passage.key,
                "heading": passage.heading,
            },
            "start": cited.start,
            "end": cited.end,
            "quote": cited.quote,
            "locator": cited.locator,
            "certainty": cited.certainty.value,
            "frequency": cited.frequency.value,
            "exclusivity": cited.exclusivity.value,
            "hedge": cited.hedge,
            "subject_words": cited.subject_words,
            "verification": verification.value,
        }


_SCOPE_COLUMNS = (*(column for _, column in SCOPE_PARTS), "age_low", "age_high")
