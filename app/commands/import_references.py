"""What new claims refer to, with the ids and words that their rows and snapshots need."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.import_staging import CREATE, UPDATE, Planned, Staging, parts
from app.models import Concept, Condition, Document, Passage
from app.queries.search import concept_labels
from app.schemas.imports import ConceptLine, ConditionLine, DocumentLine
from app.vocabulary import DocumentStatus

REMEMBERED = 20_000
FoundT = TypeVar("FoundT")


class NamedConcept(NamedTuple):
    """``labels``: its label and synonyms, as claims are found by them."""

    id: int
    key: str
    label: str
    labels: list[str]


class NamedCondition(NamedTuple):
    id: int
    slug: str
    name: str
    is_new: bool


class NamedPassage(NamedTuple):
    id: int
    key: str
    heading: str | None
    position: int
    document_id: int
    document_key: str
    is_active: bool


class References:
    """By key, a batch at a time; what was found is remembered up to a limit.

    A record that the lines change is not settled before they are written: it is left out.
    """

    def __init__(self, session: Session, staging: Staging) -> None:
        self._session = session
        self._staging = staging
        self._concepts: dict[str, NamedConcept] = {}
        self._conditions: dict[str, NamedCondition] = {}
        self._documents: dict[str, list[NamedPassage]] = {}

    def concepts(self, keys: Collection[str]) -> Mapping[str, NamedConcept]:
        return self._known("concept", keys, self._concepts, _new_concept, self._stored_concepts)

    def conditions(self, slugs: Collection[str]) -> Mapping[str, NamedCondition]:
        known = self._conditions
        return self._known("condition", slugs, known, _new_condition, self._stored_conditions)

    def passages(self, names: Collection[str]) -> dict[str, NamedPassage]:
        """By ``document/passage``."""
        documents = {name.partition("/")[0] for name in names}
        known = self._documents
        if sum(map(len, known.values())) > REMEMBERED:
            known.clear()
        self._known("document", documents, known, _new_passages, self._stored_passages)
        return {
            f"{key}/{passage.key}": passage for key in documents for passage in known.get(key, ())
        }

    def _known(
        self,
        type_: str,
        keys: Collection[str],
        known: dict[str, FoundT],
        new: Callable[[bytes, Planned], FoundT],
        stored: Callable[[list[str]], dict[str, FoundT]],
    ) -> dict[str, FoundT]:
        if len(known) > REMEMBERED:
            known.clear()
        missing = {key for key in keys if key not in known}
        if missing:
            for key, body, plan in self._staging.planned_records(type_, missing):
                if plan.action in {CREATE, UPDATE}:
                    missing.discard(key)
                if plan.action == CREATE:
                    known[key] = new(body, plan)
            for part in parts(missing):
                known |= stored(part)
        return known

    def _stored_concepts(self, keys: list[str]) -> dict[str, NamedConcept]:
        found = self._session.execute(
            select(Concept.id, Concept.key, Concept.label).where(Concept.key.in_(keys)),
        ).all()
        labels = concept_labels(self._session, Concept.id.in_([row.id for row in found]))
        return {key: NamedConcept(id_, key, label, labels[id_]) for id_, key, label in found}

    def _stored_conditions(self, slugs: list[str]) -> dict[str, NamedCondition]:
        found = self._session.execute(
            select(Condition.id, Condition.slug, Condition.name).where(Condition.slug.in_(slugs)),
        )
        return {slug: NamedCondition(id_, slug, name, is_new=False) for id_, slug, name in found}

    def _stored_passages(self, documents: list[str]) -> dict[str, list[NamedPassage]]:
        rows = self._session.execute(
            select(
                Passage.id,
                Passage.key,
                Passage.heading,
                Passage.position,
                Passage.document_id,
                Document.key,
                Document.status,
            )
            .join(Document, Document.id == Passage.document_id)
            .where(Document.key.in_(documents)),
        )
        found: dict[str, list[NamedPassage]] = {}
        for row in rows:
            *own, status = row
            passage = NamedPassage._make([*own, status is DocumentStatus.active])
            found.setdefault(passage.document_key, []).append(passage)
        return found


def _new_concept(body: bytes, plan: Planned) -> NamedConcept:
    line = ConceptLine.model_validate_json(body)
    return NamedConcept(plan.record_id, line.key, line.label, [line.label, *line.synonyms])


def _new_condition(body: bytes, plan: Planned) -> NamedCondition:
    line = ConditionLine.model_validate_json(body)
    return NamedCondition(plan.record_id, line.slug, line.name, is_new=True)


def _new_passages(body: bytes, plan: Planned) -> list[NamedPassage]:
    line = DocumentLine.model_validate_json(body)
    return [
        NamedPassage(
            id_,
            passage.key,
            passage.heading,
            position,
            plan.record_id,
            line.key,
            is_active=True,
        )
        for position, (id_, passage) in enumerate(
            zip(plan.parts, line.passages, strict=True), start=1
        )
    ]
