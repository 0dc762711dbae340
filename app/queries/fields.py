"""The SQL of everything that claims can be filtered, counted and grouped by.

A field is *plain* (one value for each claim) or *linked* (any number, through citations or
conflicts). ``values`` selects ``claim_id`` and ``value``, as a reader writes it in a filter.
``app.schemas.claim_fields`` has their names, kinds and accepted values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FunctionElement,
    Select,
    String,
    and_,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased

from app.models import (
    Citation,
    Claim,
    Concept,
    Condition,
    Conflict,
    ConflictClaim,
    Document,
    Passage,
)
from app.models.base import UTC_ZONE
from app.queries.names import concept_ids, condition_ids, document_ids, passage_ids
from app.queries.view import View
from app.schemas.claim_fields import SPECS
from app.vocabulary import ScopePart

Clause = ColumnElement[bool]
Resolve = Callable[[Session, View, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """``column`` gives what filters compare: with values as given, or as ``resolve`` finds
    them, whose ``shown`` are what ``values`` has for them. ``of_citations`` fields match
    where any citation does, ``caseless`` ones whatever the case. ``of_documents`` need the
    passages and documents of the citations."""

    column: Callable[[View], Any]
    values: Callable[[View], Any]
    resolve: Resolve | None = None
    shown: Callable[[Sequence[Any]], Any] | None = None
    of_citations: bool = False
    of_documents: bool = False
    caseless: bool = False

    @property
    def is_single(self) -> bool:
        """Whether ``values`` has each claim at most once."""
        return not self.of_citations

    def matches(self, session: Session, view: View, wanted: Sequence[Any]) -> Clause:
        return self.among(view, self.found(session, view, wanted))

    def found(self, session: Session, view: View, wanted: Sequence[Any]) -> Sequence[Any]:
        """What the column is compared with."""
        return wanted if self.resolve is None else self.resolve(session, view, wanted)

    def among(self, view: View, found: Any) -> Clause:
        """The claims whose column is one of these, or of those that will be bound."""
        clause: Clause = self.column(view).in_(found)
        if self.of_citations:
            return Claim.id.in_(
                _citing(view, Citation.claim_id, joined=self.of_documents).where(clause)
            )
        # Never null, so that its negation is true of the claims without a value.
        return and_(self.column(view).is_not(None), clause)

    def selected(self, session: Session, view: View, wanted: Sequence[Any]) -> set[Any]:
        """The values, as they are shown, that a filter names; not those narrower than they."""
        if self.resolve is None or self.shown is None:
            return set(wanted)
        found = self.resolve(session, replace(view, concept_narrower=False), wanted)
        return set(session.scalars(self.shown(found)))

    def missing(self, view: View) -> Clause:
        """The claims that have no value in this field."""
        known = self.values(view).subquery()
        return Claim.id.not_in(select(known.c.claim_id).where(known.c.value.is_not(None)))


def _own(column: Any) -> Field:
    return Field(lambda _: column, lambda _: _of_claims(column))


def _computed(part: str) -> Field:
    """What a view without some sources computes anew."""
    return Field(
        lambda view: getattr(view, part),
        lambda view: _of_claims(getattr(view, part)),
    )


def _of_claims(value: Any) -> Select[*tuple[Any, ...]]:
    return select(Claim.id.label("claim_id"), value.label("value"))


def _concept(name: str, column: Any) -> Field:
    concept = aliased(Concept)
    return Field(
        lambda _: column,
        lambda _: (
            _of_claims(concept.key).select_from(Claim).outerjoin(concept, concept.id == column)
        ),
        lambda session, view, names: concept_ids(
            session,
            name,
            names,
            narrower=view.concept_narrower and name == "concept",
        ),
        lambda ids: select(Concept.key).where(Concept.id.in_(ids)),
    )


def _cited(
    column: Any,
    *,
    value: Any = None,
    resolve: Resolve | None = None,
    shown: Callable[[Sequence[Any]], Any] | None = None,
) -> Field:
    value = column if value is None else value
    joined = column.class_ is not Citation

    def values(view: View) -> Any:
        # A claim has no value only if none of its citations has one.
        columns = Citation.claim_id.label("claim_id"), value.label("value")
        return _citing(view, *columns, joined=joined).where(value.is_not(None))

    return Field(
        lambda _: column,
        values,
        resolve,
        shown,
        of_citations=True,
        of_documents=joined,
    )


def _citing(view: View, *columns: Any, joined: bool) -> Select[*tuple[Any, ...]]:
    """The citations that count, with their passages and documents."""
    chosen = select(*columns).select_from(Citation)
    if joined:
        chosen = chosen.join(Passage, Passage.id == Citation.passage_id)
        chosen = chosen.join(Document, Document.id == Passage.document_id)
    return chosen.where(view.citation_counts) if view.excludes else chosen


class _Linked(Field):
    """Matches where any of the linked values is wanted."""

    @property
    def is_single(self) -> bool:
        return False

    def matches(self, session: Session, view: View, wanted: Sequence[Any]) -> Clause:  # noqa: ARG002 - the signature is Field's
        known = self.values(view).subquery()
        return Claim.id.in_(select(known.c.claim_id).where(known.c.value.in_(wanted)))


def _kinds(view: View) -> Any:
    if view.excludes:
        return view.kinds
    return (
        select(ConflictClaim.claim_id.label("claim_id"), Conflict.kind.label("value"))
        .join(Conflict, Conflict.id == ConflictClaim.conflict_id)
        .where(Conflict.status == "open")
    )


class _Words(Field):
    """The value in words, compared without case."""

    def matches(self, session: Session, view: View, wanted: Sequence[Any]) -> Clause:  # noqa: ARG002 - the signature is Field's
        known = self.values(view).subquery()
        # Lowered by the database on both sides: letters it cannot lower still equal themselves.
        lowered = func.lower(known.c.value).in_([func.lower(literal(word)) for word in wanted])
        return Claim.id.in_(select(known.c.claim_id).where(lowered))


_value_concept = aliased(Concept)
_value_words = func.coalesce(_value_concept.label, Claim.quantity_as_said, Claim.words)


def _words(_: View) -> Select[*tuple[Any, ...]]:
    joined = _of_claims(_value_words).select_from(Claim)
    return joined.outerjoin(_value_concept, _value_concept.id == Claim.concept_id)


class _Days(Field):
    """Times, asked for by the day (UTC) that they lie in."""

    def matches(self, session: Session, view: View, wanted: Sequence[Any]) -> Clause:  # noqa: ARG002 - the signature is Field's
        column = self.column(view)
        return or_(*(_within(column, day) for day in wanted))


def _within(column: Any, day: date) -> Clause:
    return and_(column >= start_of_day(day), column <= end_of_day(day))


def start_of_day(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC_ZONE)


def end_of_day(day: date) -> datetime:
    """The last microsecond, which is as fine as times are kept; the last day has no next."""
    return datetime.combine(day, time.max, UTC_ZONE)


class _Day(FunctionElement[str]):
    """The day of a time in UTC, as 2026-11-22."""

    type = String()
    inherit_cache = True


@compiles(_Day, "sqlite")
def _day_in_sqlite(element: _Day, compiler: Any, **options: Any) -> str:
    return f"strftime('%Y-%m-%d', {compiler.process(element.clauses, **options)})"


@compiles(_Day, "postgresql")
def _day_in_postgresql(element: _Day, compiler: Any, **options: Any) -> str:
    # Without the zone it would be the day where the server's settings say that it is.
    moment = compiler.process(element.clauses, **options)
    return f"to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def _time(column: Any) -> Field:
    return _Days(lambda _: column, lambda _: _of_claims(_Day(column)))


_passage_name = Document.key + "/" + Passage.key


def _passage_names(ids: Sequence[int]) -> Any:
    joined = select(_passage_name).join(Passage, Passage.document_id == Document.id)
    return joined.where(Passage.id.in_(ids))


FIELDS: dict[str, Field] = {
    "condition": Field(
        lambda _: Claim.condition_id,
        lambda _: _of_claims(Condition.slug).join(Condition, Condition.id == Claim.condition_id),
        lambda session, _, names: condition_ids(session, "condition", names),
        lambda ids: select(Condition.slug).where(Condition.id.in_(ids)),
    ),
    "type": _own(Claim.type),
    "question": _own(Claim.question),
    "concept": _concept("concept", Claim.concept_id),
    "subject": _concept("subject", Claim.subject_id),
    "value": _Words(lambda _: _value_words, _words, caseless=True),
    "polarity": _own(Claim.polarity),
    "certainty": _cited(Citation.certainty),
    "frequency": _cited(Citation.frequency),
    "exclusivity": _cited(Citation.exclusivity),
    **{
        f"scope_{part.value}": _concept(
            f"scope_{part.value}",
            getattr(Claim, f"{part.value}_id"),
        )
        for part in ScopePart
    },
    "document": _cited(
        Document.id,
        value=Document.key,
        resolve=lambda session, _, names: document_ids(session, "document", names),
        shown=lambda ids: select(Document.key).where(Document.id.in_(ids)),
    ),
    "passage": _cited(
        Passage.id,
        value=_passage_name,
        resolve=lambda session, _, names: passage_ids(session, "passage", names),
        shown=_passage_names,
    ),
    "publisher": _cited(Document.publisher),
    "family": _cited(Document.family),
    "verification": _cited(Citation.verification),
    "conflict": _computed("conflict"),
    "severity": _computed("severity"),
    "conflict_kind": _Linked(lambda _: Conflict.kind, _kinds),
    "passage_count": _computed("passage_count"),
    "document_count": _computed("document_count"),
    "created_at": _time(Claim.created_at),
    "updated_at": _time(Claim.updated_at),
}
assert set(FIELDS) == {spec.name for spec in SPECS}
