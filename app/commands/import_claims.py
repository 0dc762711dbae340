"""Writing imported claims with their citations, many rows with one statement."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft
from app.commands.import_checks import concepts_of
from app.commands.import_ids import NewIds
from app.commands.import_places import Places
from app.commands.import_records import Rows, add_event, insert_rows, update_rows
from app.commands.import_staging import CREATE, UPDATE, Planned, StagedLine, Staging, parts
from app.commands.search import index_claims
from app.models import Citation, Claim, Concept, Condition, Document, Passage
from app.models.base import utc_now
from app.queries.records import claim_records
from app.schemas.imports import ClaimLine
from app.schemas.seed import CITED, CitationSeed
from app.vocabulary import ClaimStatus, ScopePart, Severity, Verification, Vocabulary

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
        staging: Staging,
        vocabulary: Vocabulary,
    ) -> None:
        self._session = session
        self._draft = draft
        self._staging = staging
        self._vocabulary = vocabulary
        self._now = utc_now()
        self._ids = Ids(session)
        self._places = Places(session, staging)

    def write(self) -> Iterator[int]:
        """Write all, a batch at a time; how many were written so far."""
        ids = NewIds(self._session, Claim, "claim")
        citation_ids = NewIds(self._session, Citation)
        self._release_identities()
        written = 0
        for batch in self._staging.planned("claim"):
            lines = [(ClaimLine.model_validate_json(s.body), s, p) for s, p in batch]
            rows = self._claim_rows(lines, ids)
            # Executed many at once: all rows of one statement have the same columns.
            insert_rows(self._session, Claim, [row for row in rows if "former" not in row])
            with_status = [row for row in rows if "former" in row]
            update_rows(self._session, Claim, with_status, silent=("status",))
            self._write_citations(lines, rows, citation_ids)
            own = [row["id"] for row in rows]
            snapshots = claim_records(self._session, own)
            for row in rows:
                snapshot = snapshots[row["id"]]
                add_event(self._draft, "claim", row["id"], snapshot, row["condition_id"])
            self._session.expunge_all()
            index_claims(self._session, own)
            written += len(rows)
            yield written

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
        ids: NewIds,
    ) -> Rows:
        concepts = self._ids.concepts({key for line, *_ in lines for key in concepts_of(line)})
        conditions = self._ids.conditions({line.condition for line, *_ in lines})
        rows = []
        for line, staged, plan in lines:
            row = self._claim_row(line, concepts)
            row["condition_id"] = conditions[line.condition]
            row["identity"] = staged.identity
            row["updated_at"] = self._now
            if plan.action == CREATE or plan.version is None:
                row |= {
                    "id": next(ids),
                    "version": 1,
                    "created_at": self._now,
                    "status": line.status or ClaimStatus.published,
                    "severity": Severity.none,
                    "conflict": False,
                    "merged": False,
                }
            else:
                row |= {"id": plan.record_id, "version": plan.version + 1, "former": plan.version}
                row["status"] = line.status
            rows.append(row)
        return rows

    def _claim_row(self, line: ClaimLine, concepts: dict[str, int]) -> dict[str, Any]:
        quantity = line.quantity
        row: dict[str, Any] = {
            "key": line.key,
            "subject_id": concepts[line.subject] if line.subject else None,
            "question": line.question,
            "type": self._vocabulary.question_by_key[line.question].type,
            "statement": line.statement,
            "concept_id": concepts[line.concept] if line.concept else None,
            "quantity_low": quantity.low if quantity else None,
            "quantity_high": quantity.high if quantity else None,
            "quantity_unit": quantity.unit if quantity else None,
            "quantity_as_said": quantity.as_said if quantity else None,
            "words": line.words,
            "polarity": line.polarity,
            "age_low": line.scope.age_low,
            "age_high": line.scope.age_high,
            "passage_count": len({cited.passage for cited in line.citations}),
            "document_count": len({c.passage.partition("/")[0] for c in line.citations}),
        }
        for part in ScopePart:
            key = getattr(line.scope, part.value)
            row[f"{part.value}_id"] = concepts[key] if key else None
        return row

    def _write_citations(
        self,
        lines: list[tuple[ClaimLine, StagedLine, Planned]],
        rows: Rows,
        ids: NewIds,
    ) -> None:
        passages = self._ids.passages({c.passage for line, *_ in lines for c in line.citations})
        former = self._former([row["id"] for row in rows if "former" in row])
        fresh: Rows = []
        for (line, *_), row in zip(lines, rows, strict=True):
            known = former.get(row["id"], {})
            for position, cited in enumerate(line.citations, start=1):
                said = (passages[cited.passage], *(getattr(cited, name) for name in CITED))
                kept = known.pop(said, None)
                verification = self._verification(cited)
                if kept is None:
                    values = dict(zip(("passage_id", *CITED), said, strict=True))
                    values["id"] = next(ids)
                    values["claim_id"] = row["id"]
                    values["position"] = position
                    values["verification"] = verification or Verification.unverified
                    fresh.append(values)
                else:
                    self._keep(kept, position, verification)
        self._drop([id_ for known in former.values() for id_ in known.values()])
        insert_rows(self._session, Citation, fresh)

    def _verification(self, cited: CitationSeed) -> Verification | None:
        """Verified where the text is held, in which the quote was found; else nothing is known."""
        if cited.quote is None:
            return None
        held = self._places.text_of(cited.passage.partition("/")[0]) is not None
        return Verification.verified if held else None

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
        for claim_id, id_, *said in rows:
            found[claim_id][tuple(said)] = id_
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
