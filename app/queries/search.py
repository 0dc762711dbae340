"""Claims by words, best first, the same on both databases; see decision 0013.

Where their languages differ, two functions stand side by side. What a reader wrote becomes
terms first; a database is given their words, quoted, as one bound value.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    false,
    literal,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from app.models import Citation, Claim, Concept, ConceptSynonym
from app.queries.prepared import Prepared
from app.queries.records import Record
from app.queries.view import View, visible_claims
from app.search_text import (
    ClaimTexts,
    ClaimWords,
    SearchQuery,
    Term,
    TermKind,
    claim_words,
    parse_query,
    stems,
    tier_of,
)

ROWS_AT_ONCE = 500
TIERS = (3, 2)  # the rest is 1
BREAK = "_"  # keeps texts apart, so that no phrase spans two of them
FTS5_COLUMNS = {3: "{statement}", 2: "{statement labels}", 1: "{statement labels quotes}"}
TSQUERY_WEIGHTS = {3: "A", 2: "AB", 1: "ABC"}
# Behind the positions that words can have.
STEM_POSITIONS = {"A": 16_381, "B": 16_382, "C": 16_383}

FTS5 = table("fts_claims", column("rowid"), column("statement"), column("labels"), column("quotes"))
TSVECTORS = table("fts_claims", column("claim_id"), column("document"))
Clause = ColumnElement[bool]


class Search(NamedTuple):
    """Which claims fit, and how well: 3 by the statement, 2 with labels, 1 with quotes.

    ``tier`` is None where all that fit fit alike.
    """

    clause: Clause
    tier: ColumnElement[int] | None


def asked_words(asked: Mapping[str, Any]) -> SearchQuery | None:
    """The query of a request; None without one. Blank is no query."""
    words = asked.get("q")
    return parse_query(words) if words and words.strip() else None


def search_record(asked: Mapping[str, Any], *, is_capped: bool = False) -> Record | None:
    """How the words were understood, and whether more fit than are ranked."""
    query = asked_words(asked)
    if query is None:
        return None
    return {
        "terms": [
            {"text": term.text, "kind": term.kind.value, "excluded": term.excluded}
            for term in query.terms
        ],
        "is_capped": is_capped,
    }


def find_claims(session: Session, query: SearchQuery, view: View) -> Search:
    """With ``view.ranked_to`` no claim of a greater id is looked at."""
    if not query.terms:
        return Search(false(), None)
    if view.excludes:
        return _seen_through(session, query, view)
    matching = partial(_matching(session), upto=view.ranked_to)
    clauses: list[Clause] = []
    tier = None
    if query.wanted:
        clauses.append(Claim.id.in_(matching(query.wanted, 1, every=True)))
        ranks = [
            (Claim.id.in_(matching(query.wanted, rank, every=True)), literal(rank))
            for rank in TIERS
        ]
        tier = case(*ranks, else_=literal(1))
    if query.excluded:
        clauses.append(Claim.id.not_in(matching(query.excluded, 1, every=False)))
    return Search(clauses[0] if len(clauses) == 1 else clauses[0] & clauses[1], tier)


def _seen_through(session: Session, query: SearchQuery, view: View) -> Search:
    """Without the quotes of sources that are left out, which the index has.

    The index tells which claims may fit; their texts are then read and compared here.
    """
    candidates = select(Claim.id).where(Claim.id.in_(list(view.counts)))
    if query.wanted:
        candidates = candidates.where(Claim.id.in_(_matching(session)(query.wanted, 1, every=True)))
    ranks: dict[int, list[int]] = defaultdict(list)
    for id_, texts in claim_texts(session, list(session.scalars(candidates)), view).items():
        ranks[tier_of(query, claim_words(texts))].append(id_)
    ranks.pop(0, None)
    fitting = [id_ for ids in ranks.values() for id_ in ids]
    found = [(Claim.id.in_(ranks[rank]), literal(rank)) for rank in TIERS if ranks[rank]]
    tier = case(*found, else_=literal(1)) if found and query.wanted else None
    return Search(Claim.id.in_(fitting), tier)


def _matching(session: Session) -> Callable[..., Select[tuple[int]]]:
    """What selects the claims that have every, or any, of some terms in the parts of a tier."""
    return _by_tsquery if is_postgresql(session) else _by_fts5


def first_beyond(session: Session, query: SearchQuery, number: int) -> int | None:
    """The claim with which more than ``number`` published ones fit the words, in order of ids.

    On SQLite the index is walked, and no further than that.
    """
    found = select(Claim.id).where(visible_claims())
    if is_postgresql(session):
        matching = _by_tsquery(query.wanted, 1, every=True)
        found = found.where(Claim.id.in_(matching)).order_by(Claim.id)
    else:
        found = found.join_from(FTS5, Claim, Claim.id == FTS5.c.rowid)
        found = found.where(_fts5_clause(query.wanted, 1, every=True)).order_by(FTS5.c.rowid)
    return session.scalar(found.offset(number).limit(1))


def _by_fts5(
    terms: Sequence[Term], tier: int, *, every: bool, upto: int | None = None
) -> Select[tuple[int]]:
    found = select(FTS5.c.rowid).where(_fts5_clause(terms, tier, every=every))
    return found if upto is None else found.where(FTS5.c.rowid <= upto)


def _fts5_clause(terms: Sequence[Term], tier: int, *, every: bool) -> Clause:
    return fits_fts5(literal(fts5_query(terms, tier, every=every), Text))


def fits_fts5(written: ColumnElement[str]) -> Clause:
    return literal_column("fts_claims").op("MATCH", is_comparison=True)(written)


def fts5_query(terms: Sequence[Term], tier: int, *, every: bool) -> str:
    joint = " AND " if every else " OR "
    return f"{FTS5_COLUMNS[tier]} : ({joint.join(map(_fts5_term, terms))})"


def _fts5_term(term: Term) -> str:
    quoted = " ".join(term.words).replace('"', '""')
    return f'"{quoted}" *' if term.kind is TermKind.prefix else f'"{quoted}"'


def _by_tsquery(
    terms: Sequence[Term], tier: int, *, every: bool, upto: int | None = None
) -> Select[tuple[int]]:
    fits = fits_tsquery(literal(tsquery(terms, tier, every=every), Text))
    found = select(TSVECTORS.c.claim_id).where(fits)
    return found if upto is None else found.where(TSVECTORS.c.claim_id <= upto)


def fits_tsquery(written: ColumnElement[str]) -> Clause:
    return TSVECTORS.c.document.op("@@", is_comparison=True)(cast(written, TSQUERY))


def tsquery(terms: Sequence[Term], tier: int, *, every: bool) -> str:
    joint = " & " if every else " | "
    return joint.join(f"({_tsquery_term(term, TSQUERY_WEIGHTS[tier])})" for term in terms)


def _tsquery_term(term: Term, weights: str) -> str:
    *before, last = map(_lexeme, term.words)
    star = "*" if term.kind is TermKind.prefix else ""
    return " <-> ".join([*(f"{word}:{weights}" for word in before), f"{last}:{star}{weights}"])


def _lexeme(word: str) -> str:
    """Quoted as if it could hold anything; words hold letters, digits and marks only."""
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


# What the index holds


def fts5_columns(words: ClaimWords) -> tuple[str, str, str]:
    """Of each part its words, a break, and each stem once."""
    statement, labels, quotes = map(_fts5_column, words)
    return statement, labels, quotes


def _fts5_column(part: Sequence[str | None]) -> str:
    return " ".join([*[word or BREAK for word in part], BREAK, *stems(part)])


def fts5_rows(words: Mapping[int, ClaimWords]) -> list[dict[str, Any]]:
    names = ("rowid", "statement", "labels", "quotes")
    return [dict(zip(names, (id_, *fts5_columns(own)), strict=True)) for id_, own in words.items()]


def tsvector_text(words: ClaimWords) -> str:
    """Words at their positions, stems at the last ones, each with the weight of its part."""
    places: dict[str, list[str]] = defaultdict(list)
    position = 0
    for weight, part in zip("ABC", words, strict=True):
        for word in part:
            position += 1
            if word is not None:
                places[word].append(f"{position}{weight}")
        for stem in stems(part):
            places[stem].append(f"{STEM_POSITIONS[weight]}{weight}")
    return " ".join(f"{_lexeme(word)}:{','.join(at)}" for word, at in places.items())


def claim_texts(
    session: Session,
    ids: Sequence[int],
    view: View | None = None,
) -> dict[int, ClaimTexts]:
    """What is searched of these claims; three statements for each 500."""
    found: dict[int, ClaimTexts] = {}
    for first in range(0, len(ids), ROWS_AT_ONCE):
        found |= _texts_of(session, ids[first : first + ROWS_AT_ONCE], view)
    return found


# Made once: making them takes longer than running them for one claim.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CLAIM, _CITATION = Claim.__table__.c, Citation.__table__.c
_CONCEPT, _SYNONYM = Concept.__table__.c, ConceptSynonym.__table__.c
_SAID = select(
    _CLAIM.id,
    _CLAIM.statement,
    _CLAIM.concept_id,
    _CLAIM.subject_id,
    _CLAIM.quantity_as_said,
    _CLAIM.words,
).where(_CLAIM.id.in_(_IDS))
_QUOTES = (
    select(_CITATION.claim_id, _CITATION.quote)
    .where(_CITATION.claim_id.in_(_IDS), _CITATION.quote.is_not(None))
    .order_by(_CITATION.claim_id, _CITATION.position)
)
_LABELS = (
    select(_CONCEPT.id, _CONCEPT.label, _SYNONYM.term)
    .select_from(Concept.__table__.outerjoin(ConceptSynonym.__table__))
    .order_by(_CONCEPT.id, _SYNONYM.position, _SYNONYM.term)
)
_LABELS_BY_ID = _LABELS.where(_CONCEPT.id.in_(_IDS))
_LABELS_BY_KEY = Prepared(
    select(_CONCEPT.key, _CONCEPT.label, _SYNONYM.term)
    .select_from(Concept.__table__.outerjoin(ConceptSynonym.__table__))
    .where(_CONCEPT.key.in_(bindparam("keys", expanding=True)))
    .order_by(_CONCEPT.id, _SYNONYM.position, _SYNONYM.term)
)


def _texts_of(session: Session, ids: Sequence[int], view: View | None) -> dict[int, ClaimTexts]:
    asked = {"ids": list(ids)}
    claims = session.execute(_SAID, asked).all()
    concepts = {id_ for row in claims for id_ in (row.concept_id, row.subject_id) if id_}
    labels = _labels_of(session.execute(_LABELS_BY_ID, {"ids": list(concepts)}))
    quotes: dict[int, list[str]] = defaultdict(list)
    cited = _QUOTES
    if view is not None and view.excludes:
        cited = cited.where(view.citation_counts)
    for claim_id, quote in session.execute(cited, asked):
        quotes[claim_id].append(quote or "")
    return {
        row.id: ClaimTexts(
            row.statement,
            [
                *labels.get(row.concept_id, []),
                *labels.get(row.subject_id, []),
                *(own for own in (row.quantity_as_said, row.words) if own is not None),
            ],
            quotes[row.id],
        )
        for row in claims
    }


def concept_labels(session: Session, wanted: Clause) -> dict[int, list[str]]:
    """Label and synonyms of each concept, in one statement."""
    return _labels_of(session.execute(_LABELS.where(wanted)))


def texts_of_record(session: Session, record: Record) -> ClaimTexts:
    """The same of one claim as its record says it; one statement."""
    labels = labels_of_keys(session, concepts_of(record))
    return ClaimTexts(
        record["statement"],
        list(_label_texts(record, labels)),
        [cited["quote"] for cited in record["citations"] if cited["quote"] is not None],
    )


def concepts_of(claim: Record) -> list[str]:
    """The keys of what it is about and of its value."""
    return [claim[name]["key"] for name in ("concept", "subject") if claim[name]]


def labels_of_keys(session: Session, keys: Iterable[str]) -> dict[str, list[str]]:
    """Label and synonyms of concepts."""
    wanted = sorted(set(keys))
    return _labels_of(_LABELS_BY_KEY.all(session, {"keys": wanted})) if wanted else {}


def _label_texts(claim: Record, labels: Mapping[str, list[str]]) -> Iterator[str]:
    for key in concepts_of(claim):
        yield from labels[key]
    yield from own_values(claim)


def own_values(claim: Record) -> list[str]:
    """What of its value is no concept."""
    quantity, words = claim["quantity"], claim["words"]
    found = [quantity["as_said"]] if quantity else []
    return found if words is None else [*found, words]


def _labels_of(rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[Any, list[str]]:
    """Label and synonyms by what each row begins with."""
    found: dict[Any, list[str]] = {}
    for id_, label, synonym in rows:
        found.setdefault(id_, [label]).extend([synonym] if synonym else [])
    return found
