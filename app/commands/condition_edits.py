"""Creating and changing conditions. No name leads to two of them."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from app.commands.changes import ChangeDraft, note_event
from app.commands.patches import patched, refuse_faults
from app.commands.touched import RecordEdit
from app.commands.versions import lock_conditions, take_version
from app.errors import ConflictingStateError
from app.identifiers import Prefix, public_id
from app.models import Condition, ConditionAlias, ConditionXref
from app.models.base import utc_now
from app.queries.records import Record, condition_records
from app.schemas.condition_edits import ConditionIn
from app.schemas.seed import ConditionSeed
from app.schemas.seed_checks import Fault, duplicates

# Any number, the same for every process: slugs and aliases are two tables, and no constraint
# of the database spans both.
NAMES_LOCK = 4_817_004


def create_condition(session: Session, draft: ChangeDraft, body: ConditionIn) -> int:
    """A new condition; its id.

    Raises InvalidRequestError with the places that are wrong, ConflictingStateError where a
    slug or alias leads to another condition already.
    """
    content = ConditionSeed.model_validate(body.model_dump(exclude={"reason"}))
    now = utc_now()
    row = Condition(
        slug=content.slug, version=1, created_at=now, updated_at=now, aliases=[], xrefs=[]
    )
    _write(session, row, content)
    note_event(session, draft, "condition", row, "created")
    return row.id


def edit_condition(
    session: Session, draft: ChangeDraft, edit: RecordEdit, patch: dict[str, Any]
) -> None:
    """Make the condition what the merge patch says. Its claims and conflicts are untouched."""
    lock_conditions(session, [edit.record_id])
    take_version(session, "condition", Condition, edit.record_id, edit.version)
    row = session.scalars(
        select(Condition)
        .where(Condition.id == edit.record_id)
        .options(selectinload(Condition.aliases), selectinload(Condition.xrefs))
        .execution_options(populate_existing=True),
    ).one()
    record = condition_records(session, [row.id])[row.id]
    _write(session, row, patched(ConditionSeed, _content_of(record), patch))
    note_event(session, draft, "condition", row, "updated")


def _content_of(record: Record) -> dict[str, Any]:
    """The body that would make the condition what its record says."""
    return {name: record[name] for name in ConditionSeed.model_fields}


def _write(session: Session, row: Condition, content: ConditionSeed) -> None:
    refuse_faults(_faults(content))
    _refuse_taken_names(session, row, content)
    row.name, row.description = content.name, content.description
    former = {alias.slug: alias for alias in row.aliases}
    row.aliases = [
        former.get(alias.slug) or ConditionAlias(slug=alias.slug) for alias in content.aliases
    ]
    for alias, part in zip(row.aliases, content.aliases, strict=True):
        alias.name = part.name
    known = {xref.curie: xref for xref in row.xrefs}
    row.xrefs = [known.get(xref.id) or ConditionXref(curie=xref.id) for xref in content.xrefs]
    for position, (xref, named) in enumerate(zip(row.xrefs, content.xrefs, strict=True)):
        xref.position, xref.fit = position, named.fit
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:  # by an import, which does not wait for NAMES_LOCK
        raise ConflictingStateError(
            "A slug or alias was given to another condition at the same time.",
        ) from error


def _faults(content: ConditionSeed) -> Iterator[Fault]:
    slugs = [alias.slug for alias in content.aliases]
    yield from duplicates("/aliases", "/slug", slugs)
    yield from duplicates("/xrefs", "/id", [xref.id for xref in content.xrefs])
    for place, slug in enumerate(slugs):
        if slug == content.slug:
            yield Fault(f"/aliases/{place}/slug", "it is the slug of the condition itself")


def _refuse_taken_names(session: Session, row: Condition, content: ConditionSeed) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": NAMES_LOCK})
    names = {content.slug, *(alias.slug for alias in content.aliases)}
    slugs = select(Condition.slug, Condition.id).where(Condition.slug.in_(names))
    aliases = select(ConditionAlias.slug, ConditionAlias.condition_id).where(
        ConditionAlias.slug.in_(names),
    )
    taken = [*session.execute(slugs), *session.execute(aliases)]
    for slug, holder in sorted((slug, holder) for slug, holder in taken if holder != row.id):
        name = public_id(Prefix.condition, holder)
        raise ConflictingStateError(
            f"{slug} leads to {name} already.",
            existing=name,
            links={"existing": f"/conditions/{slug}"},
        )
