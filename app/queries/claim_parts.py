"""Claims of which a list names parts that are columns of their row: no record is read for them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import BindParameter, ColumnElement, String, bindparam, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from app.identifiers import Prefix, public_id
from app.json_parts import Json
from app.models import Claim
from app.queries.filter_shapes import REMEMBERED
from app.queries.prepared import Prepared
from app.queries.records import stamp

_CLAIM = Claim.__table__.c
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)


class _Part(NamedTuple):
    """``shown`` makes of a value of the column what the record has."""

    column: ColumnElement[Any]
    shown: Callable[[Any], Any] | None = None


def _text(name: str) -> _Part:
    """As it is stored: looking its member up would be for each row."""
    return _Part(type_coerce(_CLAIM[name], String).label(name))


def _flag(name: str) -> _Part:
    return _Part(type_coerce(_CLAIM[name], NullType()).label(name), bool)


# In the order of the record.
_PARTS: Mapping[str, _Part] = {
    "id": _Part(_CLAIM.id, partial(public_id, Prefix.claim)),
    "key": _text("key"),
    "version": _Part(_CLAIM.version),
    "status": _text("status"),
    "type": _text("type"),
    "question": _text("question"),
    "statement": _text("statement"),
    "words": _text("words"),
    "polarity": _text("polarity"),
    "merged": _flag("merged"),
    "created_at": _Part(_CLAIM.created_at, stamp),
    "updated_at": _Part(_CLAIM.updated_at, stamp),
    "conflict": _flag("conflict"),
    "severity": _text("severity"),
    "passage_count": _Part(_CLAIM.passage_count),
    "document_count": _Part(_CLAIM.document_count),
}
Names = tuple[str, ...]


def own_parts(fields: Collection[str]) -> Names | None:
    """The parts that are wanted, with the id; None where all are, or one is no column."""
    wanted = {"id", *fields}
    if not fields or not wanted <= _PARTS.keys():
        return None
    return tuple(name for name in _PARTS if name in wanted)


def part_columns(names: Names) -> list[ColumnElement[Any]]:
    return [_PARTS[name].column for name in names]


def parts_as_json(rows: Sequence[Sequence[Any]], names: Names) -> Json:
    """A list of claims. In the rows other values may stand behind the parts."""
    made = [(name, shown) for name in names if (shown := _PARTS[name].shown) is not None]
    records = [dict(zip(names, row, strict=False)) for row in rows]
    for name, shown in made:
        for record in records:
            record[name] = shown(record[name])
    return Json(to_json(records))


def parts_by_id(session: Session, ids: Sequence[int], names: Names) -> Json:
    """Of claims that are there, in the order of ``ids``."""
    if not ids:
        return Json(b"[]")
    rows = {row[0]: row for row in _by_id(names).all(session, {"ids": list(ids)})}
    return parts_as_json([rows[id_] for id_ in ids], names)


@lru_cache(maxsize=REMEMBERED)
def _by_id(names: Names) -> Prepared:
    return Prepared(select(*part_columns(names)).where(_CLAIM.id.in_(_IDS)), plain=True)
