"""Writing imported claims with their citations, many rows with one statement."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import starmap
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, WrittenEvent
from app.commands.driver_rows import DriverRows, write_driver_rows
from app.commands.import_events import EventSpool, Ready
from app.commands.import_places import Places
from app.commands.import_plan import Plan
from app.commands.import_preparing import CITATION_COLUMNS, CLAIM_COLUMNS
from app.commands.import_records import Rows, add_event, insert_rows, update_rows
from app.commands.import_rows import (
    CITED_COLUMNS,
    claim_row,
    concept_keys,
    new_claim,
    said,
    verification_of,
)
from app.commands.import_staging import CREATE, UPDATE, Planned, StagedLine, parts
from app.commands.search import index_claims, words_statement
from app.commands.written import keep_records, keep_written
from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.models.base import utc_now
from app.queries.records import claim_records
from app.schemas.imports import ClaimLine
from app.schemas.seed import CITED
from app.vocabulary import Verification, Vocabulary

REMEMBERED = 50_000


class Ids:
    """Ids by natural key; what was found is remembered up to a limit."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, dict[str, int]] = defaultdict(dict)

    def concepts(self, keys: Collection[str]) -> dict[str, int]:
        return self._look_up("concept", keys, select(Concept.key, Concept.id), Concept.key)

    def conditions(self, slugs: Collection[str]) -> dict[str, int]:
        found = select(Condition.slug, Condition.id)
        return self._look_up("condition", slugs, found, Condition.slug)

    def passages(self, names: Collection[str]) -> dict[str, int]:
        """By ``document/passage``."""
        known = self._known("passage")
        missing = {name.partition("/")[0] for name in names if name not in known}
        for part in parts(missing):
            rows = self._session.execute(
                select(Document.key, Passage.key, Passage.id)
                .join(Passage, Passage.document_id == Document.id)
                .where(Document.key.in_(part)),
            )
            known |= {f"{document}/{passage}": id_ for document, passage, id_ in rows}
        return known

    def _look_up(
        self,
        kind: str,
        keys: Collection[str],
        statement: Any,
        column: Any,
    ) -> dict[str, int]:
        known = self._known(kind)
        for part in parts([key for key in keys if key not in known]):
            known |= dict(self._session.execute(statement.where(column.in_(part))).all())
        return known

    def _known(self, kind: str) -> dict[str, int]:
        if len(self._found[kind]) > REMEMBERED:
            self._found[kind].clear()
        return self._found[kind]


class ClaimWriter:
    def __init__(
        self,
        session: Session,
        draft: ChangeDraft,
        plan: Plan,
        vocabulary: Vocabulary,
    ) -> None:
        self._session = session
        self._draft = draft
        self._staging = plan.staging
        self._plan = plan
        self._vocabulary = vocabulary
        self._now = utc_now()
        self._ids = Ids(session)
        self._places = Places(session, plan.staging)
        self._claims = DriverRows.of(session, Claim, CLAIM_COLUMNS)
        self._citations = DriverRows.of(session, Citation, CITATION_COLUMNS)
        self._words = words_statement(session)

    def write(self) -> Iterator[int]:
        """Write all, a batch at a time; how many were written so far."""
        self._release_identities()
        written = 0
        for unit in self._plan.claims:
            if unit.ready is not None:
                self._write_ready(unit.ready)
                written += unit.ready.number
                yield written
                continue
            for batch in self._staging.planned("claim", unit.first, unit.last):
                self._write_batch(batch)
                written += len(batch)
                yield written

    def _write_ready(self, ready: Ready) -> None:
        prepared = self._plan.spool.read(ready.rows)
        write_driver_rows(self._session, self._claims.statement, prepared["claims"])
        write_driver_rows(self._session, self._citations.statement, prepared["citations"])
        write_driver_rows(self._session, self._words, prepared["words"])
        events = starmap(WrittenEvent, self._plan.spool.read(ready.events))
        keep_written(self._session, [(event.record_id, event.stored) for event in events])
        assert isinstance(self._draft.events, EventSpool)
        self._draft.events.append_ready(self._plan.spool, ready, "claim", "created")

    def _write_batch(self, batch: list[tuple[StagedLine, Planned]]) -> None:
        lines = [(ClaimLine.model_validate_json(s.body), s, p) for s, p in batch]
        rows = self._claim_rows(lines)
        # Executed many at once: all rows of one statement have the same columns.
        insert_rows(self._session, Claim, [row for row in rows if "former" not in row])
        with_status = [row for row in rows if "former" in row]
        update_rows(self._session, Claim, with_status, silent=("status",))
        self._write_citations(lines, rows)
        own = [row["id"] for row in rows]
        snapshots = claim_records(self._session, own)
        keep_records(self._session, snapshots)
        for row in rows:
            snapshot = snapshots[row["id"]]
            add_event(self._draft, "claim", row["id"], snapshot, row["condition_id"])
        self._session.expunge_all()
        index_claims(self._session, own)

    def _release_identities(self) -> None:
        """Let claims exchange identities, which no two may hold even for a moment."""
        if not self._staging.records("claim", UPDATE):
            return
        for batch in self._staging.planned("claim"):
            rows = [
                {"b_id": plan.record_id, "b_identity": f"moving {plan.record_id}"}
                for _, plan in batch
                if plan.action != CREATE
            ]
            if rows:
                statement = update(Claim.__table__).where(Claim.id == bindparam("b_id"))  # type: ignore[arg-type]  # a table
                self._session.connection().execute(
                    statement.values(identity=bindparam("b_identity")),
                    rows,
                )

    def _claim_rows(
        self,
        lines: list[tuple[ClaimLine, StagedLine, Planned]],
    ) -> Rows:
        concepts = self._ids.concepts({key for line, *_ in lines for key in concept_keys(line)})
        conditions = self._ids.conditions({line.condition for line, *_ in lines})
        rows = []
        for line, staged, plan in lines:
            row = claim_row(line, concepts, self._vocabulary)
            row["condition_id"] = conditions[line.condition]
            row["identity"] = staged.identity
            row["updated_at"] = self._now
            if plan.action == CREATE or plan.version is None:
                row |= new_claim(line, plan.record_id, self._now)
            else:
                row |= {"id": plan.record_id, "version": plan.version + 1, "former": plan.version}
                row["status"] = line.status
            rows.append(row)
        return rows

    def _write_citations(
        self,
        lines: list[tuple[ClaimLine, StagedLine, Planned]],
        rows: Rows,
    ) -> None:
        passages = self._ids.passages({c.passage for line, *_ in lines for c in line.citations})
        former = self._former([row["id"] for row in rows if "former" in row])
        fresh: Rows = []
        for (line, _, plan), row in zip(lines, rows, strict=True):
            ids = iter(plan.parts)
            known = former.get(row["id"], {})
            for position, cited in enumerate(line.citations, start=1):
                own = said(cited, passages[cited.passage])
                kept = known.pop(own, None)
                verification = verification_of(cited, self._places)
                if kept is None:
                    values = dict(zip(CITED_COLUMNS, own, strict=True))
                    values["id"] = next(ids, None) or self._plan.ids.take("citation")[0]
                    values["claim_id"] = row["id"]
                    values["position"] = position
                    values["verification"] = verification or Verification.unverified
                    fresh.append(values)
                else:
                    self._keep(kept, position, verification)
        self._drop([id_ for known in former.values() for id_ in known.values()])
        insert_rows(self._session, Citation, fresh)

    def _former(self, claim_ids: Collection[int]) -> dict[int, dict[tuple[Any, ...], int]]:
        """Ids of the citations of these claims, by what they say; no citation stands twice."""
        if not claim_ids:
            return {}
        rows = self._session.execute(
            select(
                Citation.claim_id,
                Citation.id,
                Citation.passage_id,
                *(getattr(Citation, name) for name in CITED),
            ).where(Citation.claim_id.in_(claim_ids)),
        )
        found: dict[int, dict[tuple[Any, ...], int]] = defaultdict(dict)
        for claim_id, id_, *own in rows:
            found[claim_id][tuple(own)] = id_
        return found

    def _keep(self, id_: int, position: int, verification: Verification | None) -> None:
        values: dict[str, Any] = {"position": position}
        if verification is not None:
            values["verification"] = verification
        self._session.execute(update(Citation).where(Citation.id == id_).values(**values))

    def _drop(self, ids: list[int]) -> None:
        for first in range(0, len(ids), 500):
            statement = delete(Citation).where(Citation.id.in_(ids[first : first + 500]))
            self._session.execute(statement.execution_options(synchronize_session=False))
