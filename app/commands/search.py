"""Keeping the search index equal to the claims, inside the transaction that changes them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, insert, or_, select, text
from sqlalchemy.orm import Session

from app.commands.driver_rows import mark, write_driver_rows
from app.models import Claim
from app.queries.records import Record
from app.queries.search import (
    FTS5,
    ROWS_AT_ONCE,
    TSVECTORS,
    claim_texts,
    fts5_columns,
    fts5_rows,
    is_postgresql,
    texts_of_record,
    tsvector_text,
)
from app.search_text import ClaimWords, claim_words

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LEAVE_FTS5 = delete(FTS5).where(FTS5.c.rowid.in_(_IDS))
_LEAVE_TSVECTORS = delete(TSVECTORS).where(TSVECTORS.c.claim_id.in_(_IDS))


def index_claims(session: Session, claim_ids: Collection[int]) -> None:
    """Write what these claims are found by; one that is not there any more is taken out."""
    session.flush()
    write = _write_tsvectors if is_postgresql(session) else _write_fts5
    ids = sorted(claim_ids)
    for first in range(0, len(ids), ROWS_AT_ONCE):
        batch = ids[first : first + ROWS_AT_ONCE]
        texts = claim_texts(session, batch)
        write(session, batch, {id_: claim_words(texts[id_]) for id_ in texts})


def index_record(session: Session, claim_id: int, record: Record) -> None:
    """The same for one claim, of its record as it is now."""
    words = claim_words(texts_of_record(session, record))
    own = (tsvector_text(words),) if is_postgresql(session) else fts5_columns(words)
    write_driver_rows(session, words_statement(session, again=True), [(claim_id, *own)])


def words_statement(session: Session, *, again: bool = False) -> str:
    """Inserts what claims are found by, as the driver is told it; ``again``: or replaces it."""
    sign = mark(session.get_bind().dialect)
    if is_postgresql(session):
        replaced = " ON CONFLICT (claim_id) DO UPDATE SET document = excluded.document"
        return (
            f"INSERT INTO fts_claims VALUES ({sign}, CAST({sign} AS tsvector))"  # noqa: S608 - marks only
            f"{replaced if again else ''}"
        )
    verb = "REPLACE" if again else "INSERT"
    columns = "rowid, statement, labels, quotes"
    return f"{verb} INTO fts_claims ({columns}) VALUES ({sign}, {sign}, {sign}, {sign})"


def index_claims_of_concepts(session: Session, concept_ids: Collection[int]) -> None:
    """The claims that are found by the labels of these concepts."""
    ids = sorted(concept_ids)
    claims: set[int] = set()
    for first in range(0, len(ids), ROWS_AT_ONCE):
        batch = ids[first : first + ROWS_AT_ONCE]
        uses = or_(Claim.concept_id.in_(batch), Claim.subject_id.in_(batch))
        claims |= set(session.scalars(select(Claim.id).where(uses)))
    index_claims(session, claims)


def _write_fts5(session: Session, ids: Sequence[int], words: dict[int, ClaimWords]) -> None:
    session.execute(_LEAVE_FTS5, {"ids": list(ids)})
    if words:
        session.execute(insert(FTS5), fts5_rows(words))


def _write_tsvectors(session: Session, ids: Sequence[int], words: dict[int, ClaimWords]) -> None:
    session.execute(_LEAVE_TSVECTORS, {"ids": list(ids)})
    rows = [{"id": id_, "document": tsvector_text(own)} for id_, own in words.items()]
    if rows:
        statement = "INSERT INTO fts_claims VALUES (:id, CAST(:document AS tsvector))"
        session.execute(text(statement), rows)
