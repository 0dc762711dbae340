"""All claims that fit, batch by batch, from one snapshot; what exports are written from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, distinct, func, or_, select
from sqlalchemy.orm import Session

from app.errors import InternalError
from app.identifiers import Prefix, parse_id
from app.models import Change, Citation, Claim, Concept, Condition, Conflict, ConflictClaim, Passage
from app.queries.claim_lists import SHAPE, claim_order
from app.queries.claims import claim_bodies, included_conflicts
from app.queries.conflicts import FLAGGED, conflict_records
from app.queries.counts import UNCOUNTED
from app.queries.filters import compile_filters
from app.queries.highlights import with_highlights
from app.queries.pages import Listing, Order, PageAt, as_applied, read_slice
from app.queries.records import Record, concept_records, condition_records, document_records
from app.queries.search import asked_words
from app.queries.view import View
from app.search_text import SearchQuery
from app.vocabulary import ScopePart, Vocabulary

BATCH = 200


class LastChange(NamedTuple):
    """The newest change in the snapshot; 0 in a base without any."""

    number: int
    at: datetime | None


class Totals(NamedTuple):
    """``rows``: one for each citation, and one for each claim without any."""

    claims: int
    citations: int
    rows: int


@dataclass(frozen=True, slots=True)
class ClaimStream:
    """Claims in the order of their list, and what belongs to them, each in batches.

    All of it is read in the one transaction of ``session``, which sees one snapshot: SQLite's
    from its first statement on, PostgreSQL's by its isolation level. ``grouped`` tells that
    the claims come by condition, type and question.
    """

    session: Session
    clauses: Sequence[ColumnElement[bool]]
    order: tuple[Order, ...]
    view: View
    words: SearchQuery | None
    applied: Mapping[str, Any]
    totals: Totals
    change: LastChange
    grouped: bool

    def claims(self) -> Iterator[list[Record]]:
        """Raises InternalError at the end if there were not as many as were counted."""
        claims = citations = 0
        for ids in self._batches(Claim.id, self.clauses, self.order):
            batch = with_highlights(self.session, self.bodies(ids), self.words)
            claims += len(batch)
            citations += sum(len(claim["citations"]) for claim in batch)
            yield batch
        if (claims, citations) != self.totals[:2]:
            raise InternalError("The export has not as many claims as were counted.")

    def bodies(self, ids: Sequence[int]) -> list[Record]:
        return claim_bodies(self.session, ids, self.view)

    def conflicts_of(self, claims: Sequence[Record]) -> list[Record]:
        """The conflicts that these claims name, with all their sides."""
        briefs = included_conflicts(self.session, claims, self.view)["conflicts"]
        return list(briefs)

    def conflicts(self) -> Iterator[list[Record]]:
        """The open conflicts that any of the claims is in, with all sides, the flagged first."""
        if self.view.excludes:
            ids = self._conflicts_of_view()
            kept = [own for number, own in self.view.conflicts.items() if number in ids]
            yield from _cut(sorted(kept, key=lambda conflict: not conflict["conflict"]))
            return
        first = case((Conflict.effective.in_(FLAGGED), 0), else_=1)
        order = (Order(first), Order(Conflict.id))
        for ids_ in self._batches(Conflict.id, [self._in_conflicts()], order):
            records = conflict_records(self.session, ids_)
            yield [records[id_] for id_ in ids_]

    def conditions(self) -> Iterator[list[Record]]:
        used = Condition.id.in_(select(Claim.condition_id).where(*self.clauses))
        for ids in self._batches(Condition.id, [used], (Order(Condition.id),)):
            yield list(condition_records(self.session, ids).values())

    def concepts(self) -> Iterator[list[Record]]:
        """The values, subjects and scope parts of the claims."""
        columns = [
            Claim.concept_id,
            Claim.subject_id,
            *(getattr(Claim, f"{part.value}_id") for part in ScopePart),
        ]
        used = [
            Concept.id.in_(select(column).where(*self.clauses, column.is_not(None)))
            for column in columns
        ]
        for ids in self._batches(Concept.id, [or_(*used)], (Order(Concept.id),)):
            yield list(concept_records(self.session, ids).values())

    def documents(self) -> Iterator[list[Record]]:
        """Those that cite the claims, or the other sides of their conflicts."""
        cited = select(Passage.document_id).join(Citation, Citation.passage_id == Passage.id)
        cited = cited.where(Citation.claim_id.in_(select(Claim.id).where(self._with_sides())))
        if self.view.excludes:
            cited = cited.where(self.view.citation_counts)
        document = Passage.__table__.c.document_id
        ids = self.session.scalars(cited.distinct().order_by(document)).all()
        for first in range(0, len(ids), BATCH):
            records = document_records(self.session, ids[first : first + BATCH])
            yield [records[id_] for id_ in sorted(records)]

    def counts_by_type(self) -> dict[str, tuple[int, int]]:
        """Type -> claims, and how many of them are flagged."""
        flagged = self.view.conflict.label("flagged")
        rows = self.session.execute(
            select(Claim.type, flagged, func.count())
            .where(*self.clauses)
            .group_by(Claim.type, flagged),
        )
        found: dict[str, tuple[int, int]] = {}
        for type_, conflict, number in rows:
            claims, in_conflict = found.get(type_, (0, 0))
            found[type_] = (claims + number, in_conflict + (number if conflict else 0))
        return found

    def documents_of_passages(self, passages: Sequence[str]) -> dict[str, str]:
        """``PSG2`` -> ``DOC1``."""
        ids = [parsed[0] for text in passages if (parsed := parse_id(Prefix.passage, text))]
        rows = self.session.execute(
            select(Passage.id, Passage.document_id).where(Passage.id.in_(ids)),
        )
        return {f"{Prefix.passage}{id_}": f"{Prefix.document}{own}" for id_, own in rows}

    def _batches(
        self,
        column: Any,
        clauses: Sequence[ColumnElement[bool]],
        order: tuple[Order, ...],
    ) -> Iterator[list[int]]:
        listing = Listing("export", {}, column, order)
        cursor = None
        while True:
            found = read_slice(
                self.session, listing, clauses, PageAt(BATCH, cursor), total=UNCOUNTED
            )
            if found.ids:
                yield found.ids
            cursor = found.next_cursor
            if cursor is None:
                return

    def _in_conflicts(self) -> ColumnElement[bool]:
        mine = select(ConflictClaim.conflict_id).join(Claim, Claim.id == ConflictClaim.claim_id)
        return and_(Conflict.status == "open", Conflict.id.in_(mine.where(*self.clauses)))

    def _conflicts_of_view(self) -> set[int]:
        candidates = Claim.id.in_(list(self.view.conflict_refs))
        fitting = self.session.scalars(select(Claim.id).where(*self.clauses, candidates))
        refs = [ref["id"] for id_ in fitting for ref in self.view.conflict_refs[id_]]
        return {parsed[0] for ref in refs if (parsed := parse_id(Prefix.conflict, ref))}

    def _with_sides(self) -> ColumnElement[bool]:
        """The claims, and those that stand against them."""
        own = and_(*self.clauses)
        if self.view.excludes:
            beside = [
                parsed[0]
                for number in self._conflicts_of_view()
                for side in self.view.conflicts[number]["sides"]
                for claim in side["claims"]
                if (parsed := parse_id(Prefix.claim, claim))
            ]
            return or_(own, Claim.id.in_(beside))
        conflicts = select(Conflict.id).where(self._in_conflicts())
        against = select(ConflictClaim.claim_id).where(ConflictClaim.conflict_id.in_(conflicts))
        return or_(own, Claim.id.in_(against))


def open_stream(
    session: Session,
    asked: Mapping[str, Any],
    view: View,
    vocabulary: Vocabulary,
    *,
    group: bool = False,
) -> ClaimStream:
    """All public claims that fit, in the order that is asked for.

    ``group`` puts them by condition, type and question where no order is asked for. Names
    that lead nowhere raise InvalidRequestError here, before anything is sent.
    """
    clauses = compile_filters(session, asked, view)
    words = asked_words(asked)
    grouped = group and asked.get("sort") is None and words is None
    order = _by_question(vocabulary) if grouped else claim_order(session, asked, view)
    return ClaimStream(
        session=session,
        clauses=clauses,
        order=order,
        view=view,
        words=words,
        applied=as_applied({name: own for name, own in asked.items() if name not in SHAPE}),
        totals=_count(session, clauses, view),
        change=last_change(session),
        grouped=grouped,
    )


def last_change(session: Session) -> LastChange:
    row = session.execute(
        select(Change.number, Change.at).order_by(Change.number.desc()).limit(1),
    ).first()
    return LastChange(0, None) if row is None else LastChange(row.number, row.at)


def _by_question(vocabulary: Vocabulary) -> tuple[Order, ...]:
    types = {row.key: place for place, row in enumerate(vocabulary.types)}
    questions = {row.key: place for place, row in enumerate(vocabulary.questions)}
    return (
        Order(Claim.condition_id),
        Order(case(types, value=Claim.type, else_=len(types))),
        Order(case(questions, value=Claim.question, else_=len(questions))),
        Order(Claim.id),
    )


def _count(session: Session, clauses: Sequence[ColumnElement[bool]], view: View) -> Totals:
    cited = Citation.claim_id == Claim.id
    if view.excludes:
        cited = and_(cited, view.citation_counts)
    row = session.execute(
        select(func.count(distinct(Claim.id)), func.count(Citation.id), func.count())
        .select_from(Claim)
        .outerjoin(Citation, cited)
        .where(*clauses),
    ).one()
    return Totals(*row)


def _cut(records: Sequence[Record]) -> Iterator[list[Record]]:
    for first in range(0, len(records), BATCH):
        yield list(records[first : first + BATCH])
