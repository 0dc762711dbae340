"""Writing imported concepts, conditions and documents, many rows with one statement."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, Event
from app.commands.driver_rows import DriverRows, write_driver_rows
from app.commands.import_ids import NewIds
from app.commands.import_staging import CREATE, Planned, StagedLine, Staging, parts
from app.models import (
    Citation,
    Concept,
    ConceptBroader,
    ConceptSynonym,
    ConceptXref,
    Condition,
    ConditionAlias,
    ConditionXref,
    Document,
    DocumentText,
    Model,
    Passage,
)
from app.models.base import utc_now
from app.models.concepts import FOLDED
from app.queries.records import (
    Record,
    concept_records,
    condition_records,
    document_records,
)
from app.schemas.imports import ConceptLine, ConditionLine, DocumentLine
from app.text import folded
from app.vocabulary import DocumentStatus

SILENT = ("sha256", "length", "text_held")
Rows = list[dict[str, Any]]
Lines = list[tuple[StagedLine, Planned]]


class MovedError(Exception):
    """Somebody changed what the plan was made from: it has to be made again."""


def insert_rows(session: Session, model: type[Model], rows: Rows) -> None:
    if rows:
        session.execute(insert(cast("Table", model.__table__)), rows)


def update_rows(
    session: Session,
    model: type[Model],
    rows: Rows,
    *,
    silent: Collection[str] = (),
) -> None:
    """Rows with ``id`` and ``former``, the version that each has now. Raises MovedError.

    ``silent``: columns of which a row may say nothing, by None.
    """
    if not rows:
        return
    table = cast("Table", model.__table__)
    values: dict[str, Any] = {
        name: bindparam(name) for name in rows[0] if name not in {"id", "former"}
    }
    for name in silent:
        column = table.c[name]
        values[name] = func.coalesce(bindparam(name, type_=column.type), column)
    statement = (
        update(table)
        .where(table.c.id == bindparam("b_id"), table.c.version == bindparam("former"))
        .values(values)
    )
    bound = [{**row, "b_id": row["id"]} for row in rows]
    for row in bound:
        del row["id"]
    result: Any = session.connection().execute(statement, bound)
    if result.rowcount != len(rows):
        raise MovedError


class RecordWriter:
    """Writes what claims refer to, in the order in which it refers to each other."""

    def __init__(
        self,
        session: Session,
        draft: ChangeDraft,
        staging: Staging,
        ids: NewIds,
    ) -> None:
        self._session = session
        self._draft = draft
        self._staging = staging
        self._ids = ids
        self._now = utc_now()
        self._texts = DriverRows.of(session, DocumentText, ("sha256", "text"))

    def write_concepts(self) -> None:
        written: list[int] = []
        for batch in self._staging.planned("concept"):
            lines = [(ConceptLine.model_validate_json(s.body), p) for s, p in batch]
            rows = self._write(Concept, [(p, _concept_row(line)) for line, p in lines])
            changed = [row["id"] for row in rows if "former" in row]
            for child in (ConceptSynonym, ConceptXref, ConceptBroader):
                self._delete(child, child.concept_id, changed)
            written += [row["id"] for row in rows]
            parts = [(row["id"], line) for row, (line, _) in zip(rows, lines, strict=True)]
            insert_rows(self._session, ConceptSynonym, list(_synonyms(parts)))
            insert_rows(self._session, ConceptXref, list(_xrefs("concept_id", parts)))
        at = 0
        for batch in self._staging.planned("concept"):  # now that all have their ids
            lines = [(ConceptLine.model_validate_json(s.body), p) for s, p in batch]
            own = written[at : at + len(lines)]
            at += len(lines)
            self._write_broader(own, [line for line, _ in lines])
        self._record("concept", written, concept_records)

    def _write_broader(self, ids: Sequence[int], lines: Sequence[ConceptLine]) -> None:
        wanted = {key for line in lines for key in line.broader}
        known: dict[str, int] = {}
        for part in parts(wanted):
            found = select(Concept.key, Concept.id).where(Concept.key.in_(part))
            known |= dict(self._session.execute(found).all())
        rows = [
            {"concept_id": id_, "broader_id": known[key]}
            for id_, line in zip(ids, lines, strict=True)
            for key in line.broader
        ]
        insert_rows(self._session, ConceptBroader, rows)

    def write_conditions(self) -> list[int]:
        """The ids of those that it wrote."""
        written: list[int] = []
        changed = self._staging.records("condition", "update")
        self._delete(ConditionAlias, ConditionAlias.condition_id, changed)
        self._delete(ConditionXref, ConditionXref.condition_id, changed)
        for batch in self._staging.planned("condition"):
            lines = [(ConditionLine.model_validate_json(s.body), p) for s, p in batch]
            rows = self._write(Condition, [(p, _condition_row(line)) for line, p in lines])
            parts = [(row["id"], line) for row, (line, _) in zip(rows, lines, strict=True)]
            aliases = [
                {"slug": alias.slug, "name": alias.name, "condition_id": id_}
                for id_, line in parts
                for alias in line.aliases
            ]
            insert_rows(self._session, ConditionAlias, aliases)
            insert_rows(self._session, ConditionXref, list(_xrefs("condition_id", parts)))
            written += [row["id"] for row in rows]
        self._record("condition", written, condition_records)
        return written

    def write_documents(self) -> list[int]:
        """The ids of those that it wrote; passages that the lines dropped stay for now."""
        written: list[int] = []
        for batch in self._staging.planned("document"):
            lines = [(DocumentLine.model_validate_json(s.body), p) for s, p in batch]
            known = self._known_texts(lines)
            wanted = []
            for line, plan in lines:
                has_text = self._keep_text(line, known)
                wanted.append((plan, _document_row(line, plan, has_text=has_text)))
            rows = self._write(Document, wanted)
            for row, (line, plan) in zip(rows, lines, strict=True):
                if plan.action != CREATE:
                    self._update_passages(row["id"], line)
            fresh = [
                {
                    **passage.model_dump(),
                    "id": id_,
                    "document_id": row["id"],
                    "position": position,
                }
                for row, (line, plan) in zip(rows, lines, strict=True)
                if plan.action == CREATE
                for position, (id_, passage) in enumerate(
                    zip(plan.parts, line.passages, strict=True), start=1
                )
            ]
            insert_rows(self._session, Passage, fresh)
            written += [row["id"] for row in rows]
        return written

    def _known_texts(self, lines: Iterable[tuple[DocumentLine, Planned]]) -> set[str]:
        """The digests of texts that are stored already."""
        digests = {line.sha256 for line, _ in lines if line.sha256 is not None}
        stored = select(DocumentText.sha256).where(DocumentText.sha256.in_(digests))
        return set(self._session.scalars(stored))

    def _keep_text(self, line: DocumentLine, known: set[str]) -> bool:
        """Store the text that came with the line, once; whether there was one."""
        text = self._staging.text(line.key)
        if text is None or line.sha256 is None:
            return False
        if line.sha256 not in known:
            # One by one, so that no two texts are in memory: as the driver takes it.
            write_driver_rows(self._session, self._texts.statement, [(line.sha256, text)])
            known.add(line.sha256)
        return True

    def _update_passages(self, document_id: int, line: DocumentLine) -> None:
        """Passages keep their ids by their keys; dropped ones go to the end until they go."""
        former = dict(
            self._session.execute(
                select(Passage.key, Passage.id)
                .where(Passage.document_id == document_id)
                .order_by(Passage.position),
            ).all(),
        )
        for position, passage in enumerate(line.passages, start=1):
            values = passage.model_dump() | {"position": position}
            if passage.key in former:
                of_one = Passage.id == former.pop(passage.key)
                self._session.execute(update(Passage).where(of_one).values(**values))
            else:
                [id_] = self._ids.take("passage")
                own = {"id": id_, "document_id": document_id}
                insert_rows(self._session, Passage, [values | own])

    def finish_documents(self, written: Sequence[int]) -> None:
        """Once claims are written: drop the passages that lines dropped, and record all.

        Adds a fault where a citation would be left without its place.
        """
        for batch in self._staging.planned("document"):
            for staged, plan in batch:
                if plan.action != CREATE and plan.record_id is not None:
                    line = DocumentLine.model_validate_json(staged.body)
                    self._drop_passages(staged.line, plan.record_id, line)
        self._record("document", written, document_records)

    def _drop_passages(self, number: int, document_id: int, line: DocumentLine) -> None:
        add = self._staging.faults.add
        spans = {passage.key: passage for passage in line.passages}
        cited = self._session.execute(
            select(Passage.key, Citation.id, Citation.start, Citation.end)
            .join(Citation, Citation.passage_id == Passage.id)
            .where(Passage.document_id == document_id)
            .order_by(Passage.position, Citation.id),
        ).all()
        kept = set(spans)
        for key, id_, start, end in cited:
            span = spans.get(key)
            if span is None:
                kept.add(key)
                add(number, "/passages", f"the passage {key} is cited by CIT{id_}: keep it")
            elif start is not None and not span.start <= start < (end or 0) <= span.end:
                add(number, "/passages", f"CIT{id_} would lie outside of the passage {key}")
        dropped = delete(Passage).where(
            Passage.document_id == document_id,
            Passage.key.not_in(kept),
        )
        self._session.execute(dropped.execution_options(synchronize_session=False))

    def _write(
        self,
        model: type[Model],
        wanted: Sequence[tuple[Planned, dict[str, Any]]],
    ) -> Rows:
        """Insert or update; the rows in their order, those of updates with ``former``."""
        rows = []
        for plan, values in wanted:
            row = values | {"updated_at": self._now}
            if plan.action == CREATE or plan.version is None:
                row |= {"id": plan.record_id, "version": 1, "created_at": self._now}
            else:
                row |= {"id": plan.record_id, "version": plan.version + 1, "former": plan.version}
            rows.append(row)
        insert_rows(self._session, model, [row for row in rows if "former" not in row])
        silent = SILENT if model is Document else ()
        changed = [row for row in rows if "former" in row]
        update_rows(self._session, model, changed, silent=silent)
        return rows

    def _delete(self, model: type[Model], column: Any, ids: Sequence[int]) -> None:
        for first in range(0, len(ids), 500):
            statement = delete(model).where(column.in_(ids[first : first + 500]))
            self._session.execute(statement.execution_options(synchronize_session=False))

    def _record(
        self,
        record_type: str,
        ids: Sequence[int],
        records: Callable[[Session, Sequence[int]], dict[int, Record]],
    ) -> None:
        for first in range(0, len(ids), 500):
            batch = ids[first : first + 500]
            snapshots = records(self._session, batch)
            for id_ in batch:
                add_event(self._draft, record_type, id_, snapshots[id_])
            self._session.expunge_all()


def add_event(
    draft: ChangeDraft,
    record_type: str,
    id_: int,
    snapshot: Record,
    condition_id: int | None = None,
) -> None:
    version = snapshot["version"]
    action = "created" if version == 1 else "updated"
    if record_type == "condition":
        condition_id = id_
    draft.events.append(Event(record_type, id_, version, action, snapshot, condition_id))


def _concept_row(line: ConceptLine) -> dict[str, Any]:
    names = {"key", "label", "kind", "description"}
    return line.model_dump(include=names)


def _condition_row(line: ConditionLine) -> dict[str, Any]:
    return line.model_dump(include={"slug", "name", "description"})


def _document_row(line: DocumentLine, plan: Planned, *, has_text: bool) -> dict[str, Any]:
    row = line.model_dump(exclude={"type", "version", "text", "verified", "passages"})
    if plan.action == CREATE:
        return row | {"text_held": has_text, "status": DocumentStatus.active, "merged": False}
    return row | {"text_held": True if has_text else None}


def _synonyms(parts: Iterable[tuple[int, ConceptLine]]) -> Iterable[dict[str, Any]]:
    for id_, line in parts:
        for position, term in enumerate(line.synonyms):
            folded_term = folded(term)[:FOLDED]
            yield {
                "concept_id": id_,
                "term": term,
                "folded": folded_term,
                "position": position,
            }


def _xrefs(
    column: str,
    parts: Iterable[tuple[int, ConceptLine | ConditionLine]],
) -> Iterable[dict[str, Any]]:
    for id_, line in parts:
        unique = {xref.id: xref for xref in line.xrefs}
        for position, xref in enumerate(unique.values()):
            yield {column: id_, "curie": xref.id, "fit": xref.fit, "position": position}
