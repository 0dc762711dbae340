"""Prepared statements do what SQLAlchemy's own execution of them does."""

from typing import Any

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.models import Claim, Conflict, Revision
from app.queries.prepared import Prepared, savepoint
from app.vocabulary import ClaimStatus

CLAIMS: Any = Claim.__table__
OF_IDS = select(*CLAIMS.c).where(
    CLAIMS.c.id.in_(bindparam("ids", expanding=True)),
    CLAIMS.c.status.in_([ClaimStatus.published, ClaimStatus.draft]),
)
WRITTEN = update(CLAIMS).where(CLAIMS.c.id == bindparam("row")).values(version=CLAIMS.c.version + 1)


def some_ids(session: Session, at_most: int) -> list[int]:
    return list(session.scalars(select(Claim.id).order_by(Claim.id).limit(at_most)))


@pytest.mark.parametrize("number", [0, 1, 3, 7, 9])
def test_rows_are_as_sqlalchemy_reads_them(milia_session: Session, number: int) -> None:
    asked = {"ids": some_ids(milia_session, number)}

    rows = Prepared(OF_IDS).all(milia_session, asked)

    assert sorted(rows) == sorted(map(tuple, milia_session.execute(OF_IDS, asked)))
    assert [row.status for row in rows] == [ClaimStatus.published] * number


@pytest.mark.parametrize("table", [Conflict.__table__, Revision.__table__])
def test_json_and_moments_are_read(milia_session: Session, table: Any) -> None:
    statement = select(*table.c).order_by(table.c.id).limit(5)

    rows = Prepared(statement).all(milia_session)

    assert rows == list(map(tuple, milia_session.execute(statement)))


def test_values_are_written_and_rows_counted(milia_session: Session) -> None:
    [id_] = some_ids(milia_session, 1)
    version = milia_session.scalar(select(Claim.version).where(Claim.id == id_))
    prepared = Prepared(WRITTEN)

    changed = prepared.run(milia_session, {"row": id_, "statement": "It's other words."})
    none = prepared.run(milia_session, {"row": -1, "statement": "Nothing."})

    now = select(CLAIMS.c.statement, CLAIMS.c.version).where(CLAIMS.c.id == id_)
    assert (changed, none) == (1, 0)
    assert version is not None
    assert milia_session.execute(now).one() == ("It's other words.", version + 1)


def test_several_rows_are_written_at_once(milia_session: Session) -> None:
    ids = some_ids(milia_session, 3)

    Prepared(WRITTEN).run_each(milia_session, [{"row": id_, "statement": "Same."} for id_ in ids])

    said = select(CLAIMS.c.statement).where(CLAIMS.c.id.in_(ids))
    assert list(milia_session.scalars(said)) == ["Same."] * 3


def test_what_fails_in_a_savepoint_is_taken_back_and_the_rest_stays(milia_session: Session) -> None:
    one, other = some_ids(milia_session, 2)
    prepared = Prepared(WRITTEN)
    key = milia_session.scalar(select(CLAIMS.c.key).where(CLAIMS.c.id == other))
    prepared.run(milia_session, {"row": one, "statement": "Before."})

    def say_and_take_the_key_of_another() -> None:
        with savepoint(milia_session):
            prepared.run(milia_session, {"row": one, "statement": "Within."})
            prepared.run(milia_session, {"row": one, "key": key})

    with pytest.raises(IntegrityError):
        say_and_take_the_key_of_another()

    said = select(CLAIMS.c.statement).where(CLAIMS.c.id == one)
    assert milia_session.scalar(said) == "Before."


def test_statements_are_heard_by_listeners(milia_session: Session, statements: list[str]) -> None:
    ids = some_ids(milia_session, 1)
    statements.clear()

    Prepared(OF_IDS).all(milia_session, {"ids": ids})

    assert len(statements) == 1
