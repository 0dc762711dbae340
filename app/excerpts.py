"""What is shown of a text in which words were found: what stands around the first, all marked."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from app.search_text import (
    ASCII_WORD,
    MAX_LETTERS,
    STEM,
    SearchQuery,
    Term,
    TermKind,
    stemmed,
    tokens,
    words_of,
)

if TYPE_CHECKING:
    import re

EXCERPT = 200
BEFORE_FIRST_MARK = 60
LONG_STEM = 5  # with its mark
Fits = Callable[[str], bool]


class Excerpt(NamedTuple):
    text: str
    marks: list[list[int]]


def excerpt(query: SearchQuery, text: str) -> Excerpt | None:
    """The text around its first mark, with the marks in it; None where nothing is marked."""
    return excerpts(query)(text)


def excerpts(query: SearchQuery) -> Callable[[str], Excerpt | None]:
    """``excerpt`` of many texts."""
    wanted = query.wanted
    beginnings = [_beginning(term) for term in wanted]
    are_words = all(len(term.words) == 1 for term in wanted)
    fits = [*zip(beginnings, map(_fits, wanted), strict=True)] if are_words else []

    def of(text: str) -> Excerpt | None:
        if text.isascii():
            letters = text.lower()
            for beginning in beginnings:
                if beginning in letters:
                    break
            else:
                return None
            if are_words:
                return _around(text, _marks_of_words(fits, letters))
        return _around(text, _marks(wanted, text))

    return of


def _beginning(term: Term) -> str:
    """What is in every text of ASCII letters, in lower case, that has the term."""
    first = term.words[0]
    if term.kind is not TermKind.word or not first.startswith(STEM):
        return first
    # Of a stem, the last letters may be others than those of the word, as in happi and dying.
    return first[1:-2] if len(first) > LONG_STEM else first[1:2]


def _fits(term: Term) -> Fits:
    """Whether one word is what a term of one word looks for."""
    [wanted] = term.words
    if term.kind is TermKind.word:
        return lambda word: stemmed(word) == wanted
    if term.kind is TermKind.prefix:
        return lambda word: word.startswith(wanted)
    return lambda word: word == wanted


def _marks_of_words(wanted: Sequence[tuple[str, Fits]], letters: str) -> list[tuple[int, int]]:
    """``_marks`` of single words in ASCII letters: only where one begins as it should is read."""
    places: set[tuple[int, int]] = set()
    for beginning, fits in wanted:
        start = 0
        while (at := letters.find(beginning, start)) >= 0:
            start = at + 1
            if at and letters[at - 1].isalnum():
                continue
            word = cast("re.Match[str]", ASCII_WORD.match(letters, at))
            start = word.end()
            if fits(word[0][:MAX_LETTERS]):
                places.add((at, start))
    return sorted(places)


def _around(text: str, marks: Sequence[tuple[int, int]]) -> Excerpt | None:
    if not marks:
        return None
    if len(text) <= EXCERPT:
        return Excerpt(text, [[low, high] for low, high in marks])
    start, end = _window(text, marks[0])
    inside = [[max(low, start) - start, min(high, end) - start] for low, high in marks]
    return Excerpt(text[start:end], [[low, high] for low, high in inside if low < high])


def _marks(wanted: Sequence[Term], text: str) -> list[tuple[int, int]]:
    """The places of the wanted terms, in order; those that overlap are one."""
    words = words_of(text)
    spans = [span for term in wanted for span in term.spans(words)]
    if not spans:
        return []
    found = tokens(text)
    places = sorted((found[first].start, found[behind - 1].end) for first, behind in spans)
    merged: list[tuple[int, int]] = []
    for start, end in places:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _window(text: str, mark: tuple[int, int]) -> tuple[int, int]:
    """About 200 code points with the mark in them, cut between words where there is a space."""
    start = max(0, min(mark[0] - BEFORE_FIRST_MARK, len(text) - EXCERPT))
    end = min(len(text), max(start + EXCERPT, mark[1]))
    if start:
        space = text.find(" ", start, mark[0])
        start = space + 1 if space >= 0 else start
    if end < len(text):
        space = text.rfind(" ", mark[1], end)
        end = space if space >= 0 else end
    return start, end
