"""New claims made ready before anything is locked: rows, search words, snapshots, digests."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

from app.commands.driver_rows import DriverRow, DriverRows
from app.commands.import_conflicts import RuledRow, ruled_row
from app.commands.import_events import Ready, Spool
from app.commands.import_places import Places
from app.commands.import_references import References
from app.commands.import_rows import (
    CITED_COLUMNS,
    claim_row,
    concept_keys,
    made_at,
    said,
    verification_of,
)
from app.commands.import_snapshots import NewClaim, SnapshotWriter
from app.commands.import_staging import CREATE, Planned, Staging
from app.models import Citation, Claim
from app.models.base import utc_now
from app.queries.records import stamp
from app.queries.search import fts5_columns, is_postgresql, tsvector_text
from app.schemas.imports import ClaimLine
from app.search_text import ClaimTexts, ClaimWords, claim_words
from app.vocabulary import ClaimStatus, Verification, Vocabulary

MADE_COLUMNS = (*made_at(utc_now()),)
SAID_COLUMNS = tuple(
    column.name
    for column in Claim.__table__.columns
    if column.name not in {*MADE_COLUMNS, "replaced_by_id"}
)
CLAIM_COLUMNS = (*SAID_COLUMNS, *MADE_COLUMNS)
CITATION_COLUMNS = ("id", "claim_id", "position", "verification", *CITED_COLUMNS)
UNVERIFIED = Verification.unverified
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
        self._claims = DriverRows.of(session, Claim, SAID_COLUMNS)
        # The same for all of an import: made once.
        self._made = DriverRows.of(session, Claim, MADE_COLUMNS).row(made_at(self._now))
        self._citations = DriverRows.of(session, Citation, CITATION_COLUMNS)
        self._found_by = _tsvector if is_postgresql(session) else fts5_columns

    def prepare(self, batch: Sequence[tuple[Planned, ClaimLine, str]]) -> Ready | None:
        """Where the batch is kept ready; None where it or what it refers to is changed.

        ``batch``: what is done with each line, the line, and its identity.
        """
        if any(plan.action != CREATE for plan, *_ in batch):
            return None
        lines = [line for _, line, _ in batch]
        used = set(chain.from_iterable(map(concept_keys, lines)))
        cited = {one.passage for line in lines for one in line.citations}
        slugs = {line.condition for line in lines}
        concepts = self._references.concepts(used)
        conditions = self._references.conditions(slugs)
        passages = self._references.passages(cited)
        if not (
            used <= concepts.keys() and slugs <= conditions.keys() and cited <= passages.keys()
        ):
            return None
        ids = {key: concepts[key].id for key in used}
        writer = SnapshotWriter(self._stamp)
        prepared: Prepared = {"claims": [], "citations": [], "words": []}
        events: list[tuple[Any, ...]] = []
        ruled: list[RuledRow] = []
        for plan, line, identity in batch:
            claim = NewClaim(
                plan,
                line,
                line.status or ClaimStatus.published,
                conditions[line.condition],
                concepts,
                [passages[one.passage] for one in line.citations],
                [verification_of(one, self._places) or UNVERIFIED for one in line.citations],
            )
            row = claim_row(line, ids, self._vocabulary)
            row["id"], row["identity"] = plan.record_id, identity
            row["condition_id"], row["status"] = claim.condition.id, claim.status
            prepared["claims"].append(self._claims.row(row) + self._made)
            prepared["citations"] += self._citation_rows(claim)
            prepared["words"].append(self._words(claim))
            snapshot = writer.write(claim, row["type"])
            own = ("claim", plan.record_id, 1, "created", claim.condition.id)
            events.append((*own, snapshot.stored, snapshot.digested.encode()))
            if claim.condition.is_new and claim.status is ClaimStatus.published:
                ruled.append(ruled_row(claim, self._vocabulary))
        self._staging.add_ruled(ruled)
        return Ready(self._spool.append(prepared), self._spool.append(events), len(events))

    def _citation_rows(self, claim: NewClaim) -> list[DriverRow]:
        plan, row_of = claim.plan, self._citations.row_of
        cited = zip(
            plan.parts, claim.line.citations, claim.passages, claim.verifications, strict=True
        )
        return [
            row_of((id_, plan.record_id, position, verification, *said(one, passage.id)))
            for position, (id_, one, passage, verification) in enumerate(cited, start=1)
        ]

    def _words(self, claim: NewClaim) -> DriverRow:
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
