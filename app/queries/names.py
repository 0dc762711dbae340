"""What people call things, resolved: slugs and aliases, concept words and CURIEs, ids.

An unknown name is refused with the nearest known one.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.errors import InvalidRequestError
from app.identifiers import Prefix, parse_id
from app.models import (
    Concept,
    ConceptBroader,
    ConceptSynonym,
    ConceptXref,
    Condition,
    ConditionAlias,
    Document,
    Passage,
)
from app.schemas.base import normalise_curie
from app.text import folded, nearest

MAX_SUGGESTIONS = 3
_CONDITIONS = Condition.__table__.c
_SLUG_OF = select(_CONDITIONS.slug).where(_CONDITIONS.id == bindparam("id"))


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """At most three known names that a mistyped one may stand for, nearest first."""
    return nearest(name, known, most=MAX_SUGGESTIONS)


def begins_a_word(column: Any, words: str) -> ColumnElement[bool]:
    """Whether ``words`` stand at the beginning, or after a space, whatever their case."""
    start = folded(words)
    lowered = func.lower(column)
    return or_(
        lowered.startswith(start, autoescape=True),
        lowered.contains(f" {start}", autoescape=True),
    )


def unknown_value(parameter: str, what: str, suggestions: Sequence[str]) -> InvalidRequestError:
    hint = f" Did you mean '{suggestions[0]}'?" if suggestions else ""
    place = {"in": "query", "parameter": parameter, "code": "unknown_value"}
    return InvalidRequestError(
        "A parameter has a value that is not known here; `errors` names the place.",
        errors=[place | {"detail": f"There is no such {what}.{hint}"}],
    )


def all_slugs(session: Session) -> dict[str, str]:
    """Every slug and alias of a condition, each with the slug that it leads to."""
    slugs = {slug: slug for slug in session.scalars(select(Condition.slug))}
    aliases = select(ConditionAlias.slug, Condition.slug).join(
        Condition, Condition.id == ConditionAlias.condition_id
    )
    return dict(session.execute(aliases).all()) | slugs


_SLUG: BindParameter[str] = bindparam("slug")
_CALLED = select(Condition.id, Condition.slug).where(
    or_(
        Condition.slug == _SLUG,
        Condition.id.in_(select(ConditionAlias.condition_id).where(ConditionAlias.slug == _SLUG)),
    ),
)


def find_condition(session: Session, slug: str) -> tuple[int, str] | None:
    """Id and slug of the condition that goes by this slug or alias."""
    row = session.execute(_CALLED, {"slug": slug}).one_or_none()
    return (row[0], row[1]) if row else None


def slug_of(session: Session, condition_id: int) -> str:
    """Of a condition that is there."""
    return str(session.execute(_SLUG_OF, {"id": condition_id}).scalar_one())


def condition_ids(session: Session, parameter: str, names: Sequence[str]) -> list[int]:
    found = []
    for name in names:
        condition = find_condition(session, name.strip().lower())
        if condition is None:
            near = nearest_names(name, all_slugs(session))
            raise unknown_value(parameter, "condition", near)
        found.append(condition[0])
    return found


def concept_ids(
    session: Session,
    parameter: str,
    names: Sequence[str],
    *,
    narrower: bool = False,
) -> list[int]:
    """Ids of the concepts that go by these keys, labels, synonyms or CURIEs.

    With ``narrower`` also of all that are narrower than these.
    """
    ids = [id_ for name in names for id_ in _concepts_called(session, parameter, name)]
    return with_narrower(session, ids) if narrower else ids


def _concepts_called(session: Session, parameter: str, name: str) -> list[int]:
    by_key = session.scalar(select(Concept.id).where(Concept.key == name))
    if by_key is not None:
        return [_merged_into(session, Concept.merged_into_id, by_key)]
    wanted: Any
    if ":" in name:
        wanted = select(ConceptXref.concept_id).where(ConceptXref.curie == _curie(name))
    else:
        synonyms = select(ConceptSynonym.concept_id).where(ConceptSynonym.folded == folded(name))
        wanted = synonyms.union(
            select(Concept.id).where(func.lower(Concept.label) == folded(name)),
        )
    ids = list(session.scalars(wanted))
    if not ids:
        near = nearest_names(name, session.scalars(select(Concept.key)))
        raise unknown_value(parameter, "concept", near)
    return sorted({_merged_into(session, Concept.merged_into_id, id_) for id_ in ids})


def _merged_into(session: Session, column: Any, id_: int, *clauses: Any) -> int:
    """The record that this one was merged into, however often; itself if it was not."""
    while True:
        target = session.scalar(select(column).where(column.class_.id == id_, *clauses))
        if target is None:
            return id_
        id_ = target


def _curie(name: str) -> str:
    try:
        return normalise_curie(name)
    except ValueError:
        return name


def with_narrower(session: Session, ids: Sequence[int]) -> list[int]:
    """These concepts and all that are narrower, at any depth."""
    tree = select(Concept.id.label("id")).where(Concept.id.in_(ids)).cte("narrower", recursive=True)
    tree = tree.union(
        select(ConceptBroader.concept_id).join(tree, ConceptBroader.broader_id == tree.c.id),
    )
    return sorted(session.scalars(select(tree.c.id)))


def document_ids(session: Session, parameter: str, names: Sequence[str]) -> list[int]:
    """Ids of the documents that are called ``DOC1`` or by their key."""
    found = []
    for name in names:
        parsed = parse_id(Prefix.document, name)
        by_name = Document.id == parsed[0] if parsed else Document.key == name
        id_ = session.scalar(select(Document.id).where(by_name))
        if id_ is None:
            near = nearest_names(name, session.scalars(select(Document.key)))
            raise unknown_value(parameter, "document", near)
        found.append(_merged_into(session, Document.replaced_by_id, id_, Document.merged))
    return found


def passage_ids(session: Session, parameter: str, names: Sequence[str]) -> list[int]:
    """Ids of the passages that are called ``PSG3`` or ``<document key>/<passage key>``."""
    found = []
    for name in names:
        parsed = parse_id(Prefix.passage, name)
        document, _, passage = name.partition("/")
        by_name = (
            Passage.id == parsed[0]
            if parsed
            else (Document.key == document) & (Passage.key == passage)
        )
        id_ = session.scalar(select(Passage.id).join(Document).where(by_name))
        if id_ is None:
            keys = select(Document.key + "/" + Passage.key).join(Passage)
            raise unknown_value(parameter, "passage", nearest_names(name, session.scalars(keys)))
        found.append(id_)
    return found
