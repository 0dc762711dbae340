"""No answer about a condition changes without a note, whoever changes which table, and how: a
stamp on SQLite, a row of ``touched_conditions`` on PostgreSQL.

Each change is one statement of plain SQL: another value in each column of each table, rows that
come, go, are replaced, and move between conditions.
"""

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.answers import DISCLAIMER
from app.db import Sessions
from app.identifiers import Prefix, public_id
from app.models import Claim, ConditionStamp, Conflict, ConflictClaim, Model, TouchedCondition
from app.models.condition_stamps import EVERYTHING_ELSE
from app.queries.claim_lists import list_claims
from app.queries.claims import get_claim
from app.queries.conditions import get_condition_page, resolve_condition
from app.queries.conflicts import get_conflict
from app.queries.pages import PageAt
from app.queries.stamps import about_condition
from app.queries.view import EVERYTHING
from app.vocabulary import load_vocabulary
from tests.databases import SERVER

Row = dict[str, Any]
# What the answers are made of; ``written_claims`` only where somebody puts something else there.
READ = {
    "citations",
    "claims",
    "concepts",
    "condition_aliases",
    "condition_xrefs",
    "conditions",
    "conflict_claims",
    "conflicts",
    "documents",
    "passages",
    "written_claims",
}
TABLES = {
    table.name: table
    for table in Model.metadata.sorted_tables
    if table not in {ConditionStamp.__table__, TouchedCondition.__table__}
}
ALIAS = "milia-syndrome"
_numbers = count(1)


class World(NamedTuple):
    """Rows of milia around a claim that is in a conflict, and rows of another condition."""

    own: dict[str, Row]
    other: dict[str, Row]

    @property
    def sides(self) -> tuple[dict[str, Row], dict[str, Row]]:
        return self.own, self.other


class Change(NamedTuple):
    name: str
    table: str
    make: Callable[[Session], Any]


def test_no_answer_changes_without_the_stamps_of_its_condition(milia_sessions: Sessions) -> None:
    with milia_sessions.write() as session:
        world = make_world(session)
        before = [(about(session, side), answers(session, side)) for side in world.sides]
        drawn, missed = set(), []
        for change in changes(session, world):
            with trying(session, change) as is_taken:
                if not is_taken:
                    continue
                for side, (stamps, former) in zip(world.sides, before, strict=True):
                    if about(session, side) != stamps:
                        drawn.add(change.table)
                    elif answers(session, side) != former:
                        missed.append(change.name)
        session.rollback()

    assert missed == []
    # What no such answer is made of leaves them all where they are.
    assert drawn == READ


def about(session: Session, side: dict[str, Row]) -> Any:
    condition = side["conditions"]["id"]
    if SERVER is None:
        return about_condition(session, condition)
    touched = TouchedCondition.condition_id
    return set(session.scalars(select(touched).where(touched.in_((EVERYTHING_ELSE, condition)))))


@contextmanager
def trying(session: Session, change: Change) -> Iterator[bool]:
    """Make the change, and take it back in the end; False where the base refuses it."""
    savepoint = session.begin_nested()
    try:
        change.make(session)
        is_taken = True
    except (IntegrityError, DataError):
        is_taken = False
    yield is_taken
    savepoint.rollback()
    session.expunge_all()


def answers(session: Session, side: dict[str, Row]) -> list[Any]:
    condition = side["conditions"]["id"]
    named = side.get("condition_aliases", side["conditions"])["slug"]
    asked = {"condition": [named], "facet": ["certainty", "conflict_kind"]}
    claim = public_id(Prefix.claim, side["claims"]["id"])
    conflict = public_id(Prefix.conflict, side["conflicts"]["id"])
    return [
        attempted(make)
        for make in (
            lambda: get_condition_page(
                session, condition, load_vocabulary(), disclaimer=DISCLAIMER
            ),
            lambda: get_claim(session, claim),
            lambda: get_conflict(session, conflict),
            lambda: list_claims(session, asked, EVERYTHING, PageAt(5, None)),
            lambda: resolve_condition(session, named),
        )
    ]


def attempted(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - no answer, whatever the reason, is another one
        return repr(error)


# The base


def make_world(session: Session) -> World:
    if SERVER is None:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
    members = ConflictClaim.__table__.c
    row = session.execute(
        select(Claim.id, Claim.concept_id, members.conflict_id)
        .join(ConflictClaim)
        .join(Conflict, Conflict.id == members.conflict_id)
        .where(Conflict.status == "open", Claim.concept_id.is_not(None))
        .order_by(Claim.id)
        .limit(1),
    ).one()
    of_concept = update(Conflict).where(Conflict.id == row.conflict_id)
    session.execute(of_concept.values(subject_id=row.concept_id))
    # The fewer are left, the sooner a page is made.
    kept = select(members.claim_id).where(members.conflict_id == row.conflict_id)
    session.execute(delete(Claim).where(Claim.id.not_in(kept)))
    own: dict[str, Row] = {}

    def take(name: str, **wanted: Any) -> Row:
        clauses = [TABLES[name].c[column] == value for column, value in wanted.items()]
        found = session.execute(select(TABLES[name]).where(*clauses).limit(1)).mappings().one()
        own[name] = dict(found)
        return own[name]

    claim = take("claims", id=row.id)
    take("conflicts", id=row.conflict_id)
    take("conflict_claims", claim_id=row.id, conflict_id=row.conflict_id)
    take("written_claims", claim_id=row.id)
    passage = take("passages", id=take("citations", claim_id=row.id)["passage_id"])
    take("documents", id=passage["document_id"])
    take("concepts", id=claim["concept_id"])
    take("conditions", id=claim["condition_id"])
    take("condition_aliases", slug=ALIAS)
    for name in TABLES.keys() - own.keys():  # of the others any row will do, if there is one
        found = session.execute(select(TABLES[name]).limit(1)).mappings().first()
        if found is not None:
            own[name] = dict(found)
    world = World(own, _other_condition(session, own))
    session.execute(delete(TouchedCondition))
    return world


def _other_condition(session: Session, own: dict[str, Row]) -> dict[str, Row]:
    """Without an alias; its claim is in no conflict, and its conflict is of no claim."""
    made: dict[str, Row] = {}
    for name in ("conditions", "claims", "citations", "conflicts"):
        made[name] = copied(session, TABLES[name], own[name], made)
        session.execute(insert(TABLES[name]), [made[name]])
    return made


def copied(session: Session, table: Table, row: Row, others: dict[str, Row]) -> Row:
    """A row like this one, under keys of its own; where it refers to a table, to the other row."""
    new = dict(row)
    for column in table.columns:
        for key in column.foreign_keys:
            referred = others.get(key.column.table.name)
            if referred is not None and row[column.name] is not None:
                new[column.name] = referred[key.column.name]
        if column.primary_key and not column.foreign_keys:
            new[column.name] = _unused(session, column, row[column.name])
        elif column.unique or column.name == "identity":
            new[column.name] = _unused_text(row[column.name])
    return new


def _unused(session: Session, column: Column[Any], value: Any) -> Any:
    if isinstance(value, int):
        return session.scalar(select(func.max(column))) + 1
    return _unused_text(value)


def _unused_text(value: str) -> str:
    return f"{value[:60]}-{next(_numbers)}"


# The changes


def changes(session: Session, world: World) -> Iterator[Change]:
    for name, row in world.own.items():
        table = TABLES[name]
        here = [table.c[key.name] == row[key.name] for key in table.primary_key]
        yield Change(f"{name} gone", name, executing(delete(table).where(*here)))
        new = copied(session, table, row, {})
        yield Change(f"{name} come", name, executing(insert(table).values(new)))
        for column in table.columns:
            value = other_value(column, row[column.name], world.other)
            label = f"{name}.{column.name}"
            changed = update(table).where(*here).values({column.name: value})
            yield Change(label, name, executing(changed))
            again = insert(table).prefix_with("OR REPLACE").values(row | {column.name: value})
            if (
                SERVER is None and name != "written_claims"
            ):  # made of the others; `check` compares it
                yield Change(f"{label} replaced", name, executing(again))
    yield from _of_the_other(world)
    conditions = TABLES["conditions"]
    taken = copied(session, conditions, world.own["conditions"], {}) | {"slug": ALIAS}
    yield Change("an alias is taken", "conditions", executing(insert(conditions).values(taken)))
    sides = TABLES["conflict_claims"]
    side = world.own["conflict_claims"] | {"claim_id": world.other["claims"]["id"]}
    yield Change("a side come", "conflict_claims", executing(insert(sides).values(side)))
    passages = TABLES["passages"]
    another = copied(session, passages, world.own["passages"], {}) | {"key": "another"}
    yield Change("a passage come", "passages", executing(insert(passages).values(another)))


def _of_the_other(world: World) -> Iterator[Change]:
    """Rows of the other condition that go, or come to milia."""
    for name, row in world.other.items():
        table = TABLES[name]
        here = table.c.id == row["id"]
        yield Change(f"{name} of the other gone", name, executing(delete(table).where(here)))
        for column in table.columns:
            for key in column.foreign_keys:
                former = world.other.get(key.column.table.name)
                if former is not None and row[column.name] == former[key.column.name]:
                    moved = {column.name: world.own[name][column.name]}
                    changed = update(table).where(here).values(moved)
                    yield Change(f"{name}.{column.name} to milia", name, executing(changed))
                    again = insert(table).prefix_with("OR REPLACE").values(row | moved)
                    if SERVER is None:
                        yield Change(f"{name}.{column.name} replaced", name, executing(again))


def executing(statement: Any) -> Callable[[Session], Any]:
    return lambda session: session.execute(
        statement, execution_options={"synchronize_session": False}
    )


def other_value(column: Column[Any], value: Any, other: dict[str, Row]) -> Any:
    for key in column.foreign_keys:
        referred = other.get(key.column.table.name)
        if referred is not None:
            return referred[key.column.name]
    enumerated = getattr(column.type, "enum_class", None)
    if isinstance(enumerated, type) and issubclass(enumerated, enum.Enum):
        return next(one for one in enumerated if one is not value)
    return _some_value(column) if value is None else _another(value)


def _another(value: Any) -> Any:
    more: dict[type, Any] = {dict: {"more": 1}, list: ["more"], str: "x", int: 1, float: 1}
    if isinstance(value, bool):
        return not value
    if isinstance(value, date):
        return value + timedelta(days=1)
    return value | more[dict] if isinstance(value, dict) else value + more[type(value)]


def _some_value(column: Column[Any]) -> Any:
    kind = column.type.python_type
    if isinstance(column.type, JSON):
        return {}
    if issubclass(kind, date):
        return kind(2026, 1, 2)
    return "x" if kind is str else kind(1)
