"""Checking the staged lines against each other and against the base, without any lock.

What comes out is a plan: which lines create, update or repeat a record. It holds as long as
nobody changes what it was made from: see ``app.commands.import_moves``.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.commands.import_content import content_of_line, content_of_record
from app.commands.import_ids import NewIds
from app.commands.import_places import Places
from app.commands.import_rows import concept_keys
from app.commands.import_staging import (
    CREATE,
    ROWS_AT_ONCE,
    TYPES,
    UNCHANGED,
    UPDATE,
    Planned,
    StagedLine,
    Staging,
)
from app.models import (
    Change,
    Citation,
    Claim,
    Concept,
    ConceptBroader,
    Condition,
    ConditionAlias,
    Document,
    Passage,
    Revision,
)
from app.models.claims import LIVE_CLAUSE
from app.queries.records import (
    Record,
    claim_records,
    concept_records,
    condition_records,
    document_records,
)
from app.schemas.imports import LINES, ClaimLine, DocumentLine, Line
from app.schemas.seed_checks import citation_faults, claim_concept_faults
from app.vocabulary import ClaimStatus

Tell = Callable[[str, int], None]
KEYS: dict[str, Any] = {
    "concept": Concept.key,
    "condition": Condition.slug,
    "document": Document.key,
    "claim": Claim.key,
}
RECORDS: dict[str, Any] = {
    "concept": concept_records,
    "condition": condition_records,
    "document": document_records,
    "claim": claim_records,
}
WITHDRAWN = {"rejected", "retracted"}


class Current(NamedTuple):
    """A record that is there already. ``origin``: who wrote its current version."""

    id: int
    version: int
    record: Record
    origin: str


class CheckedLine(NamedTuple):
    """``row``: the record as it is; ``identity`` is that of a claim."""

    plan: Planned
    line: Line
    row: Current | None
    identity: str


def check_lines(
    session: Session,
    staging: Staging,
    places: Places,
    ids: NewIds,
    checked: Callable[[Sequence[CheckedLine]], None],
    *,
    tell: Tell,
    four_eyes: bool = False,
) -> None:
    """Plan every line; what cannot be becomes a fault. ``session`` reads one snapshot.

    ``checked`` is told each batch of claims, when all that they refer to is planned.
    """
    staging.begin_plan()
    staging.change = session.scalar(select(func.max(Change.number))) or 0
    add = staging.faults.add
    for line, first in staging.twice():
        add(line, "", f"the same record stands in line {first}")
    for line, first in staging.same_identity():
        add(line, "", f"the same claim stands in line {first} under another key")
    _check_slugs(session, staging)
    _check_circles(session, staging)
    done = 0
    for type_ in TYPES:
        for batch in staging.batches(type_):
            planned = _check_batch(session, staging, places, ids, batch)
            staging.add_plan([one.plan for one in planned])
            if four_eyes and type_ == "claim":
                _check_publishing(staging, planned)
            if type_ == "claim":
                checked(planned)
            session.expunge_all()
            done += len(batch)
            tell("checking", done)


def _check_batch(
    session: Session,
    staging: Staging,
    places: Places,
    ids: NewIds,
    batch: list[StagedLine],
) -> list[CheckedLine]:
    type_ = batch[0].type
    lines = [LINES[type_].model_validate_json(staged.body) for staged in batch]
    for staged, pointer, reason in _reference_faults(session, staging, places, batch, lines):
        staging.faults.add(staged.line, pointer, reason)
    keys = [staged.key for staged in batch]
    current = _current(session, type_, keys)
    texts = staging.with_text(keys) if type_ == "document" else set()
    planned = []
    for staged, line in zip(batch, lines, strict=True):
        row = current.get(staged.key)
        has_text = staged.key in texts
        action = CREATE if row is None else _action(line, row, has_text=has_text)
        for pointer, reason in _state_faults(session, line, row, action, has_text=has_text):
            staging.faults.add(staged.line, pointer, reason)
        plan = _plan(staged.line, action, line, row, ids)
        planned.append(CheckedLine(plan, line, row, staged.identity or ""))
    return planned


def _plan(number: int, action: str, line: Line, row: Current | None, ids: NewIds) -> Planned:
    if row is not None:
        return Planned(number, action, row.id, row.version)
    parts: list[int] = []
    if isinstance(line, DocumentLine):
        parts = ids.take("passage", len(line.passages))
    elif isinstance(line, ClaimLine):
        parts = ids.take("citation", len(line.citations))
    [id_] = ids.take(line.type)
    return Planned(number, action, id_, None, tuple(parts))


def _check_publishing(
    staging: Staging,
    planned: Sequence[CheckedLine],
) -> None:
    """Where four eyes are wanted, an import brings what others then publish."""
    for plan, line, row, _ in planned:
        former = row.record["status"] if row is not None else ClaimStatus.published.value
        if plan.action != UNCHANGED and isinstance(line, ClaimLine):
            status = line.status.value if line.status is not None else former
            if status == ClaimStatus.published.value:
                reason = "nobody publishes their own here: send it as draft or in_review"
                staging.faults.add(plan.line, "/status", reason)


def _action(line: Line, row: Current, *, has_text: bool) -> str:
    wanted = content_of_line(line, row.record)
    if has_text:
        wanted["text_held"] = True
    return UNCHANGED if wanted == content_of_record(line.type, row.record) else UPDATE


def _current(session: Session, type_: str, keys: list[str]) -> dict[str, Current]:
    column = KEYS[type_]
    model = column.class_
    rows = session.execute(
        select(column, model.id, model.version, Change.origin)
        .outerjoin(
            Revision,
            (Revision.record_type == type_)
            & (Revision.record_id == model.id)
            & (Revision.version == model.version),
        )
        .outerjoin(Change, Change.number == Revision.change)
        .where(column.in_(keys)),
    ).all()
    records = RECORDS[type_](session, [row[1] for row in rows]) if rows else {}
    return {key: Current(id_, version, records[id_], origin) for key, id_, version, origin in rows}


def _state_faults(
    session: Session,
    line: Line,
    row: Current | None,
    action: str,
    *,
    has_text: bool,
) -> Iterator[tuple[str, str]]:
    """Why the record as it is does not allow the line."""
    if row is None:
        if line.version is not None:
            yield "/version", "there is no such record yet: leave the version out"
        return
    if action == UNCHANGED:
        return
    if line.version is not None and line.version != row.version:
        yield "/version", f"the record has version {row.version} by now"
    elif line.version is None and row.origin != "import":
        yield "", f"people changed it since: give its version, {row.version}, to replace it"
    if row.record.get("merged_into") or row.record.get("merged"):
        yield "", "the record was merged into another one"
    elif row.record.get("status") in WITHDRAWN:
        yield "", f"the claim is {row.record['status']}: restore it first"
    if isinstance(line, ClaimLine) and line.condition != row.record["condition"]["slug"]:
        yield "/condition", "a claim stays with its condition"
    if isinstance(line, DocumentLine):
        yield from _text_faults(session, line, row, has_text=has_text)


def _text_faults(
    session: Session,
    line: DocumentLine,
    row: Current,
    *,
    has_text: bool,
) -> Iterator[tuple[str, str]]:
    """A text that citations stand in is not exchanged here: each would have to be looked for."""
    is_same = line.sha256 in {None, row.record["sha256"]}
    brings_text = has_text and not row.record["text_held"]
    if is_same and not brings_text:
        return
    cited = (
        select(Citation.id)
        .join(Passage, Passage.id == Citation.passage_id)
        .where(Passage.document_id == row.id)
        .limit(1)
    )
    if session.scalar(cited) is not None:
        pointer = "/text" if has_text else "/sha256"
        yield pointer, "claims cite this document: its text is replaced by itself, not here"


# What lines refer to


def _reference_faults(
    session: Session,
    staging: Staging,
    places: Places,
    batch: list[StagedLine],
    lines: list[Any],
) -> Iterator[tuple[StagedLine, str, str]]:
    if batch[0].type == "concept":
        known = places.concepts({key for line in lines for key in line.broader})
        for staged, line in zip(batch, lines, strict=True):
            for at, key in enumerate(line.broader):
                if key not in known:
                    yield staged, f"/broader/{at}", f"there is no concept {key}"
    elif batch[0].type == "claim":
        yield from _claim_faults(places, batch, lines)
        yield from _identity_faults(session, staging, batch)


def _claim_faults(
    places: Places,
    batch: list[StagedLine],
    lines: list[ClaimLine],
) -> Iterator[tuple[StagedLine, str, str]]:
    conditions = places.conditions({line.condition for line in lines})
    named = set(chain.from_iterable(map(concept_keys, lines)))
    concepts = places.concepts(named)
    are_known = named <= concepts
    passages = places.passages({one.passage for line in lines for one in line.citations})
    for staged, line in zip(batch, lines, strict=True):
        if line.condition not in conditions:
            yield staged, "/condition", f"there is no condition {line.condition}"
        if not are_known or line.scope.model_fields_set:
            for fault in claim_concept_faults("", line, concepts):
                yield staged, fault.pointer, fault.reason
        for fault in citation_faults("", line, passages):
            yield staged, fault.pointer, fault.reason
        for at, reason in places.wrong_quotes(line.citations):
            yield staged, f"/citations/{at}/start", reason


def _identity_faults(
    session: Session,
    staging: Staging,
    batch: list[StagedLine],
) -> Iterator[tuple[StagedLine, str, str]]:
    """Claims that the base has under another key, unless the file makes that something else."""
    by_identity = {staged.identity: staged for staged in batch}
    holders = session.execute(
        select(Claim.identity, Claim.key).where(
            LIVE_CLAUSE,
            Claim.identity.in_(list(by_identity)),
        ),
    ).all()
    others = {key: identity for identity, key in holders if by_identity[identity].key != key}
    moving = staging.identities(others)
    for key, identity in others.items():
        if moving.get(key, identity) == identity:
            yield by_identity[identity], "", f"the claim {key} says the same: cite it there"


def _check_slugs(session: Session, staging: Staging) -> None:
    add = staging.faults.add
    for line, pointer, slug, first in staging.same_slug():
        if line != first or pointer != "/slug":
            add(line, pointer, f"{slug} is a slug or alias in line {first}")
    for page in staging.slugs():
        slugs = [slug for slug, *_ in page]
        owners = dict(
            session.execute(
                select(Condition.slug, Condition.slug).where(Condition.slug.in_(slugs)),
            ).all(),
        )
        owners |= dict(
            session.execute(
                select(ConditionAlias.slug, Condition.slug)
                .join(Condition, Condition.id == ConditionAlias.condition_id)
                .where(ConditionAlias.slug.in_(slugs)),
            ).all(),
        )
        rewritten = staging.keys("condition", set(owners.values()), broken=False)
        for slug, line, pointer, own in page:
            owner = owners.get(slug, own)
            # An owner in the file says itself which aliases it keeps; its slug it keeps.
            if owner != own and (slug == owner or owner not in rewritten):
                add(line, pointer, f"{slug} belongs to the condition {owner}")
            elif pointer == "/slug" and owner == own and slug != owner:
                add(line, pointer, f"{slug} is an alias of the condition {owner}")


def _check_circles(session: Session, staging: Staging) -> None:
    """No concept is broader than itself, by the file and the base together."""
    from_file = staging.broader()
    if not from_file:
        return
    narrower = session.execute(
        select(Concept.key, ConceptBroader.broader_id).join(
            ConceptBroader,
            ConceptBroader.concept_id == Concept.id,
        ),
    ).all()
    ids = {id_ for _, id_ in narrower}
    keys = {
        id_: key
        for id_, key in session.execute(select(Concept.id, Concept.key)).yield_per(ROWS_AT_ONCE)
        if id_ in ids
    }
    edges: dict[str, list[str]] = {}
    for key, id_ in narrower:
        edges.setdefault(key, []).append(keys[id_])
    in_file = staging.keys("concept", list(edges), broken=False)
    edges = {key: broader for key, broader in edges.items() if key not in in_file} | from_file
    for key in sorted(_in_circles(edges) & from_file.keys()):
        line = staging.line_of("concept", key)
        if line is not None:
            staging.faults.add(line, "/broader", f"{key} is broader than itself")


def _in_circles(edges: Mapping[str, Collection[str]]) -> set[str]:
    """What is left when everything is taken away that nothing leads to, or that leads nowhere."""
    backwards: dict[str, list[str]] = {}
    for key, broader in edges.items():
        for other in broader:
            backwards.setdefault(other, []).append(key)
    return _not_reached(edges, backwards) & _not_reached(backwards, edges)


def _not_reached(
    edges: Mapping[str, Collection[str]],
    backwards: Mapping[str, Collection[str]],
) -> set[str]:
    """What stays when whatever has nothing before it is taken away, again and again."""
    before = {key: len(set(backwards.get(key, ()))) for key in edges.keys() | backwards.keys()}
    free = [key for key, number in before.items() if number == 0]
    while free:
        key = free.pop()
        del before[key]
        for other in set(edges.get(key, ())):
            before[other] -= 1
            if before[other] == 0:
                free.append(other)
    return set(before)
