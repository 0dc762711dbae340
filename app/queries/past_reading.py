"""Where a request for the past is to be read: its session, its vocabulary, its moment."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, parse_id
from app.models import Revision
from app.queries.moments import Moment, find_moment, refused_as_of, valid_at
from app.queries.names import find_condition, nearest_names, unknown_value
from app.queries.records import Record
from app.text import slugified
from app.vocabulary import Vocabulary

# A session on a condition as it stood; the first session is that of the present.
OpenPast = Callable[[Session, int, Moment], AbstractContextManager[Session]]
PREFIXES = {"claim": Prefix.claim, "conflict": Prefix.conflict, "document": Prefix.document}


class Reading(NamedTuple):
    """``moment`` is None for the present."""

    session: Session
    vocabulary: Vocabulary
    moment: Moment | None

    @property
    def as_of(self) -> Record | None:
        return self.moment.record if self.moment else None

    @property
    def headers(self) -> dict[str, str]:
        return {"Claimbase-Change": str(self.moment.number)} if self.moment else {}


class PastReader:
    """Opens what one request reads, and closes it in the end. ``live`` is the present."""

    def __init__(
        self,
        live: Session,
        vocabulary: Vocabulary,
        open_past: OpenPast,
        stack: ExitStack,
    ) -> None:
        self._live = live
        self._vocabulary = vocabulary
        self._open_past = open_past
        self._stack = stack

    @property
    def present(self) -> Reading:
        return Reading(self._live, self._vocabulary, None)

    def of_condition(self, as_of: str | None, name: str) -> Reading:
        """The past of the condition that went by this slug or alias then."""
        if as_of is None:
            return self.present
        moment = find_moment(self._live, as_of)
        found = _condition_at(self._live, moment, slugified(name))
        if isinstance(found, int):
            return self._open(found, moment)
        hint = f" Did you mean '{found[0]}'?" if found else ""
        raise NotFoundError(
            f"There was no condition of this name at change {moment.number}.{hint}",
            suggestions=found,
        )

    def of_list(self, as_of: str | None, conditions: list[str]) -> Reading:
        """The past of the one condition that a list is filtered to."""
        if as_of is None:
            return self.present
        moment = find_moment(self._live, as_of)
        ids = set()
        for name in conditions:
            found = _condition_at(self._live, moment, name.strip().lower())
            if not isinstance(found, int):
                raise unknown_value("condition", "condition", found)
            ids.add(found)
        if len(ids) != 1:
            raise refused_as_of(
                "The past of a list is read for one condition: name exactly one.",
                parameter="condition",
            )
        return self._open(ids.pop(), moment)

    def of_record(self, as_of: str | None, record_type: str, text: str) -> Reading:
        """The past of the condition that a claim or conflict belonged to."""
        if as_of is None:
            return self.present
        moment = find_moment(self._live, as_of)
        parsed = parse_id(PREFIXES[record_type], text)
        condition_id = None
        if parsed is not None and parsed[1] is None:
            condition_id = self._live.scalar(
                select(Revision.condition_id).where(
                    Revision.record_type == record_type,
                    Revision.record_id == parsed[0],
                    valid_at(moment.number),
                ),
            )
        if condition_id is None:
            raise NotFoundError(f"There was no {record_type} of this id at change {moment.number}.")
        return self._open(condition_id, moment)

    def at(self, as_of: str | None) -> Reading:
        """The present, with the moment beside it: for what is read from revisions itself."""
        moment = None if as_of is None else find_moment(self._live, as_of)
        return Reading(self._live, self._vocabulary, moment)

    def _open(self, condition_id: int, moment: Moment) -> Reading:
        session = self._stack.enter_context(self._open_past(self._live, condition_id, moment))
        vocabulary = vocabulary_at(self._live, moment, self._vocabulary)
        return Reading(session, vocabulary, moment)


def _condition_at(session: Session, moment: Moment, slug: str) -> int | list[str]:
    """The id of the condition that went by this slug or alias; or names that are near it."""
    at_moment = select(Revision.record_id, Revision.snapshot).where(
        Revision.record_type == "condition",
        valid_at(moment.number),
    )
    today = find_condition(session, slug)
    if today is not None:
        row = session.execute(at_moment.where(Revision.record_id == today[0])).first()
        if row is not None and slug in _names(row.snapshot):
            return int(row.record_id)
    names: dict[str, int] = {}
    for row in session.execute(at_moment):
        names |= dict.fromkeys(_names(row.snapshot), row.record_id)
    return names[slug] if slug in names else nearest_names(slug, names)


def _names(record: Record) -> list[str]:
    return [record["slug"], *(alias["slug"] for alias in record["aliases"])]


def vocabulary_at(session: Session, moment: Moment, current: Vocabulary) -> Vocabulary:
    """The vocabulary that was in force. What this release knows beyond it is added to it."""
    body: dict[str, Any] | None = session.scalar(
        select(Revision.snapshot).where(
            Revision.record_type == "vocabulary",
            valid_at(moment.number),
        ),
    )
    if body is None or body["digest"] == current.digest:
        return current
    own = dict(body["body"])
    for part in ("rules", "policies"):
        known = {row["key"] for row in own[part]}
        newer = [row for row in getattr(current, part) if row.key not in known]
        own[part] = [*own[part], *(row.model_dump(mode="json") for row in newer)]
    try:
        return Vocabulary.model_validate(own)
    except ValidationError as error:
        raise refused_as_of("This release cannot read the vocabulary of then.") from error
