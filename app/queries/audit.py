"""Is what is on record still what was recorded? The chain of changes, and every current row.

Everything is walked in order, a part at a time, so that memory does not grow with the base.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.models import (
    Change,
    Claim,
    Document,
    DocumentText,
    Revision,
)
from app.models.claims import LIVE_CLAUSE
from app.queries.chain import (
    FIRST_DIGEST,
    canonical,
    change_content,
    change_digest,
    event_content,
)
from app.queries.kinds import KINDS
from app.queries.rebuild import identity_of
from app.queries.records import (
    AnyRow,
    Record,
    claim_records,
    stamp,
)

ROWS_AT_ONCE = 500


class Chain(NamedTuple):
    """What the walk over all changes found; ``digest`` is that of the last one."""

    changes: int
    digest: str
    faults: list[str]


def audit_chain(session: Session) -> Chain:
    """Every change against its digest, which covers its revisions and the change before it."""
    faults: list[str] = []
    numbers = 0
    previous = FIRST_DIGEST
    revisions = _Ahead(_revisions(session))
    for change in stream(session, select(*Change.__table__.columns).order_by(Change.number)):
        numbers += 1
        if change.number != numbers:
            faults.append(f"the numbers of the changes have a gap before {change.number}")
            numbers = change.number
        faults += [
            f"a revision belongs to a change {row.change} that is not there"
            for row in revisions.before(change.number)
        ]
        own = revisions.before(change.number + 1)
        if change_digest(previous, _content(change), map(_event, own)) != change.digest:
            faults.append(
                f"the change {change.number} was altered, or it does not follow the one before",
            )
        # What is stored, so that one altered change is one fault.
        previous = change.digest
    faults += [
        f"a revision belongs to a change {row.change} that is not there"
        for row in revisions.before(None)
    ]
    return Chain(numbers, previous, faults)


def stream(session: Session, statement: Any) -> Iterator[AnyRow]:
    """Rows as the database gives them, a part at a time."""
    yield from session.execute(statement.execution_options(yield_per=ROWS_AT_ONCE))


def _revisions(session: Session) -> Iterator[AnyRow]:
    ordered = select(*Revision.__table__.columns).order_by(Revision.change, Revision.event)
    return stream(session, ordered)


class _Ahead:
    """Revisions in order, read up to some change; the next one is kept for the next time."""

    def __init__(self, revisions: Iterator[AnyRow]) -> None:
        self._revisions = revisions
        self._next: AnyRow | None = None

    def before(self, number: int | None) -> Iterator[AnyRow]:
        """Those of the changes before this one; all that are left for None."""
        while True:
            row = self._next if self._next is not None else next(self._revisions, None)
            self._next = row
            if row is None or (number is not None and row.change >= number):
                return
            self._next = None
            yield row


def _content(row: AnyRow) -> Record:
    return change_content(
        number=row.number,
        at=stamp(row.at),
        origin=row.origin,
        actor=row.actor,
        key_id=row.key_id,
        action=row.action,
        reason=row.reason,
    )


def _event(row: AnyRow) -> Record:
    return event_content(
        event=row.event,
        record_type=row.record_type,
        record_id=row.record_id,
        version=row.version,
        condition_id=row.condition_id,
        action=row.action,
        snapshot=row.snapshot,
    )


def audit_versions(session: Session) -> Iterator[str]:
    """Versions of a record follow each other, and each ends where the next one begins."""
    last: AnyRow | None = None
    ordered = select(
        Revision.record_type,
        Revision.record_id,
        Revision.version,
        Revision.change,
        Revision.until_change,
    ).order_by(Revision.record_type, Revision.record_id, Revision.version)
    for row in stream(session, ordered):
        if last is not None and (last.record_type, last.record_id) != (
            row.record_type,
            row.record_id,
        ):
            yield from _end_fault(last, None)
            last = None
        if row.version != (last.version if last is not None else 0) + 1:
            yield f"the {row.record_type} {row.record_id} has a gap before version {row.version}"
        elif last is not None:
            yield from _end_fault(last, row.change)
        last = row
    if last is not None:
        yield from _end_fault(last, None)


def _end_fault(row: AnyRow, following: int | None) -> Iterator[str]:
    if row.until_change != following:
        named = f"the {row.record_type} {row.record_id}"
        yield f"version {row.version} of {named} does not end where the next one begins"


# Current rows


def audit_records(session: Session) -> Iterator[str]:
    """Every current row is what the last revision of its record says."""
    for record_type, (model, records) in KINDS.items():
        latest = _latest(session, record_type)
        while batch := {row.record_id: row for row in islice(latest, ROWS_AT_ONCE)}:
            current = records(session, list(batch))
            session.expunge_all()
            for id_, row in batch.items():
                yield from _record_fault(record_type, id_, row, current.get(id_))
        known = exists().where(
            Revision.record_type == record_type,
            Revision.record_id == model.id,
        )
        for (id_,) in stream(session, select(model.id).where(~known).order_by(model.id)):
            yield f"the {record_type} {id_} has no revision of its version"


def audit_computed(session: Session) -> Iterator[str]:
    """What a live claim is found and counted by is what its citations and its words give."""
    columns = select(Claim.id, Claim.identity, Claim.passage_count, Claim.document_count)
    rows = stream(session, columns.where(LIVE_CLAUSE).order_by(Claim.id))
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        records = claim_records(session, [row.id for row in batch])
        for row in batch:
            record = records[row.id]
            wanted = (
                identity_of(record),
                len({cited["passage"]["id"] for cited in record["citations"]}),
                len({cited["document"]["id"] for cited in record["citations"]}),
            )
            if wanted != (row.identity, row.passage_count, row.document_count):
                yield f"what is computed of the claim {row.id} is not what it says"


def _latest(session: Session, record_type: str) -> Iterator[AnyRow]:
    return stream(
        session,
        select(Revision.record_id, Revision.version, Revision.action, Revision.snapshot)
        .where(Revision.record_type == record_type, Revision.until_change.is_(None))
        .order_by(Revision.record_id),
    )


def _record_fault(
    record_type: str,
    id_: int,
    row: AnyRow,
    current: Record | None,
) -> Iterator[str]:
    if current is None:
        if row.action != "deleted":
            yield f"the {record_type} {id_} is gone"
    elif current["version"] != row.version:
        yield f"the {record_type} {id_} has no revision of its version"
    elif canonical(said_by(record_type, current)) != canonical(said_by(record_type, row.snapshot)):
        yield f"the {record_type} {id_} is not what its last revision says"


def said_by(record_type: str, record: Mapping[str, Any]) -> Record:
    """What a record says itself: without the names of what it refers to, which may change."""
    own = dict(record)
    if record_type == "concept":
        own["broader"] = sorted(part["key"] for part in record["broader"])
    if record_type in {"claim", "conflict"}:
        own["condition"] = record["condition"]["slug"]
        own["subject"] = _key(record["subject"])
    if record_type == "claim":
        own["concept"] = _key(record["concept"])
        own["scope"] = {
            part: _key(value) if isinstance(value, dict) else value
            for part, value in (record["scope"] or {}).items()
        }
        own["citations"] = [
            citation | {"document": citation["document"]["id"], "passage": _id_of_passage(citation)}
            for citation in record["citations"]
        ]
    return own


def _key(reference: Mapping[str, Any] | None) -> str | None:
    return None if reference is None else reference["key"]


def _id_of_passage(citation: Mapping[str, Any]) -> str:
    id_: str = citation["passage"]["id"]
    return id_


def audit_texts(session: Session) -> Iterator[str]:
    """Every stored text is the one that its digest was taken from, and none is missing."""
    for (digest,) in session.execute(select(DocumentText.sha256)).all():
        text = session.scalar(select(DocumentText.text).where(DocumentText.sha256 == digest))
        if hashlib.sha256((text or "").encode()).hexdigest() != digest:
            yield f"the text {digest} was altered"
    without = select(Document.key).where(
        Document.text_held,
        Document.sha256.not_in(select(DocumentText.sha256)) | Document.sha256.is_(None),
    )
    yield from (f"the text of the document {key} is gone" for key in session.scalars(without))
