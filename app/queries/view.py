"""Through which sources claims are seen: all of them, or as if some did not exist."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, case, literal, literal_column, select, union_all

from app.models import Citation, Claim
from app.queries.records import Record
from app.vocabulary import ClaimStatus, Severity

# Written out, not bound: only so can it be seen that an index of published claims fits.
_PUBLISHED: ColumnElement[str] = literal_column(f"'{ClaimStatus.published}'")


def visible_claims() -> ColumnElement[bool]:
    """What the public sees: published claims, in lists, counts and pages alike."""
    return Claim.__table__.c.status == _PUBLISHED


def hidden_claims() -> ColumnElement[bool]:
    return Claim.__table__.c.status != _PUBLISHED


@dataclass(frozen=True, slots=True)
class View:
    """What counts when claims are filtered, counted and shown.

    Without exclusions the stored flags and counts do. With them, all of this was computed
    anew for the claims that are left, and every other claim is out of sight: ``severities``
    and ``counts`` (citing passages, documents) by claim, ``conflicts`` by their number.
    With ``ranked_to`` a search looks at no claim of a greater id.
    """

    concept_narrower: bool = True
    excluded_passages: frozenset[int] = frozenset()
    severities: dict[int, Severity] = field(default_factory=dict)
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    conflicts: dict[int, Record] = field(default_factory=dict)
    conflict_refs: dict[int, list[Record]] = field(default_factory=dict)
    ranked_to: int | None = None

    @property
    def excludes(self) -> bool:
        return bool(self.excluded_passages)

    @property
    def citation_counts(self) -> ColumnElement[bool]:
        return Citation.passage_id.not_in(self.excluded_passages)

    @property
    def severity(self) -> ColumnElement[Any]:
        if not self.excludes:
            return Claim.__table__.c.severity
        found = [
            (Claim.id.in_(ids), literal(severity.value))
            for severity in Severity
            if (ids := [id_ for id_, own in self.severities.items() if own is severity])
        ]
        none = literal(Severity.none.value)
        return case(*found, else_=none) if found else none

    @property
    def conflict(self) -> ColumnElement[Any]:
        if not self.excludes:
            return Claim.__table__.c.conflict
        flagged = [id_ for id_, own in self.severities.items() if own.is_conflict]
        return case((Claim.id.in_(flagged), literal(value=True)), else_=literal(value=False))

    @property
    def passage_count(self) -> ColumnElement[Any]:
        return self._count(0, Claim.__table__.c.passage_count)

    @property
    def document_count(self) -> ColumnElement[Any]:
        return self._count(1, Claim.__table__.c.document_count)

    def _count(self, place: int, stored: ColumnElement[Any]) -> ColumnElement[Any]:
        if not self.excludes:
            return stored
        by_count: dict[int, list[int]] = {}
        for id_, counts in self.counts.items():
            by_count.setdefault(counts[place], []).append(id_)
        found = [(Claim.id.in_(ids), literal(number)) for number, ids in by_count.items()]
        return case(*found, else_=literal(0)) if found else literal(0)

    @property
    def kinds(self) -> Any:
        """Claim and kind of each conflict that it is in."""
        by_kind: dict[str, list[int]] = {}
        for id_, refs in self.conflict_refs.items():
            for ref in refs:
                by_kind.setdefault(ref["kind"], []).append(id_)
        return union_all(
            *(
                select(Claim.id.label("claim_id"), literal(kind).label("value")).where(
                    Claim.id.in_(ids),
                )
                for kind, ids in (by_kind or {"": []}).items()
            ),
        )


EVERYTHING = View()
