"""What of a claim is shown with the words marked that a search found in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pydantic_core import from_json
from sqlalchemy.orm import Session

from app.excerpts import Excerpt, excerpts
from app.queries.records import Record
from app.queries.search import concepts_of, labels_of_keys, own_values
from app.search_text import SearchQuery

# Records that are read once while they do not change, and the bytes beyond which they are not.
REMEMBERED = 2_000
LONG = 8_000


def with_highlights(
    session: Session,
    claims: Sequence[Record],
    query: SearchQuery | None,
) -> list[Record]:
    """The claims with the words that were found in them marked; without a query as they are."""
    if query is None:
        return list(claims)
    marked = highlights_in(session, [*map(_searched, claims)], query)
    return [claim | {"highlights": own} for claim, own in zip(claims, marked, strict=True)]


class Searched(NamedTuple):
    """What of a claim is searched; ``concepts`` are keys."""

    statement: str
    concepts: Sequence[str]
    values: Sequence[str]
    quotes: Sequence[str]


def searched_in(body: bytes) -> Searched:
    """The same of a record that is written out."""
    return _read(body) if len(body) <= LONG else _searched(from_json(body))


@lru_cache(maxsize=REMEMBERED)
def _read(body: bytes) -> Searched:
    return _searched(from_json(body, cache_strings="keys"))


def _searched(claim: Record) -> Searched:
    quotes = [cited["quote"] for cited in claim["citations"] if cited["quote"]]
    return Searched(claim["statement"], concepts_of(claim), own_values(claim), quotes)


def highlights_in(
    session: Session, claims: Sequence[Searched], query: SearchQuery
) -> list[list[Record]]:
    """What a query finds in each of them."""
    excerpt_of = excerpts(query)
    labels = labels_of_keys(session, (key for claim in claims for key in claim.concepts))
    # Claims have labels and synonyms in common.
    marked = {key: _marked(excerpt_of, texts) for key, texts in labels.items()}
    return [_highlights(claim, excerpt_of, marked) for claim in claims]


_Marked = list[tuple[str, Excerpt]]


def _marked(excerpt_of: Callable[[str], Excerpt | None], texts: Iterable[str]) -> _Marked:
    """Of these texts the ones with something to be marked."""
    found = []
    for text in texts:
        marked = excerpt_of(text)
        if marked is not None:
            found.append((text, marked))
    return found


def _highlights(
    claim: Searched,
    excerpt_of: Callable[[str], Excerpt | None],
    labels: Mapping[str, _Marked],
) -> list[Record]:
    parts = [("statement", own) for own in _marked(excerpt_of, (claim.statement,))]
    for key in claim.concepts:
        parts += [("label", own) for own in labels[key]]
    parts += [("label", own) for own in _marked(excerpt_of, claim.values)]
    parts += [("quote", own) for own in _marked(excerpt_of, claim.quotes)]
    found: dict[tuple[str, str], Record] = {}
    for field, (text, marked) in parts:
        if (field, text) not in found:
            found[field, text] = {"field": field, "text": marked.text, "marks": marked.marks}
    return list(found.values())
