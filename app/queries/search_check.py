"""Whether the search index is what the claims say."""

from collections.abc import Mapping

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from app.models import Claim
from app.queries.search import (
    FTS5,
    ROWS_AT_ONCE,
    TSVECTORS,
    claim_texts,
    fts5_columns,
    is_postgresql,
    tsvector_text,
)
from app.search_text import ClaimWords, claim_words


def index_faults(session: Session) -> list[str]:
    """The claims whose entry is not what a fresh computation gives."""
    faults: list[str] = []
    keys = dict(session.execute(select(Claim.id, Claim.key)).all())
    ids = sorted(keys)
    differing = _differing_tsvectors if is_postgresql(session) else _differing_fts5
    for first in range(0, len(ids), ROWS_AT_ONCE):
        batch = claim_texts(session, ids[first : first + ROWS_AT_ONCE])
        fresh = {id_: claim_words(texts) for id_, texts in batch.items()}
        faults += [
            f"the search index of the claim {keys[id_]} is not what its words say"
            for id_ in sorted(differing(session, fresh))
        ]
    if not is_postgresql(session):  # there the database sees to it
        left = session.scalars(select(FTS5.c.rowid).where(FTS5.c.rowid.not_in(select(Claim.id))))
        faults += [f"the search index has a claim {id_} that is not there" for id_ in left]
    return faults


def unindexed_claims(session: Session) -> list[int]:
    known = TSVECTORS.c.claim_id if is_postgresql(session) else FTS5.c.rowid
    # PostgreSQL compares all with all for NOT IN, where they do not fit in its memory.
    is_known = exists().where(known == Claim.id)
    return list(session.scalars(select(Claim.id).where(~is_known)))


def _differing_fts5(session: Session, fresh: Mapping[int, ClaimWords]) -> set[int]:
    rows = session.execute(select(FTS5).where(FTS5.c.rowid.in_(list(fresh)))).all()
    stored = {row.rowid: (row.statement, row.labels, row.quotes) for row in rows}
    return {id_ for id_, words in fresh.items() if stored.get(id_) != fts5_columns(words)}


def _differing_tsvectors(session: Session, fresh: Mapping[int, ClaimWords]) -> set[int]:
    rows = session.execute(
        text(
            "SELECT fresh.id FROM unnest(CAST(:ids AS bigint[]), CAST(:documents AS text[]))"
            " AS fresh (id, document) LEFT JOIN fts_claims ON fts_claims.claim_id = fresh.id"
            " WHERE fts_claims.document IS DISTINCT FROM CAST(fresh.document AS tsvector)",
        ),
        {"ids": list(fresh), "documents": [tsvector_text(words) for words in fresh.values()]},
    )
    return {row[0] for row in rows}
