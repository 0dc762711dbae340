"""What a search compares: the words of a text, the terms of a query, and where they meet.

Both databases are given these words instead of the text, so that neither has an opinion of
its own on letters, accents or endings. The reasons are in decision 0013.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import lru_cache
from threading import local
from typing import Any, NamedTuple, cast

import Stemmer

MAX_TERMS = 20
# Of one claim; PostgreSQL has 16,383 positions, 256 of one word, and a megabyte.
MAX_POSITIONS = 16_000
MAX_BYTES = 300_000
MAX_OF_ONE_WORD = 255
MAX_LETTERS = 200
# Letters that hold too few words, and bytes, to meet a limit other than that of one word.
SHORT = 20_000
STEM = "="
_OF_THREAD = local()
LEAST_STEMMED = 3
REMEMBERED = 65_536

# Letters that Unicode does not decompose, as they are written without their strokes.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "æ": "ae", "œ": "oe"},
)
_VOICED = "\u3099\u309a"  # Japanese: another sound, so another letter
_SPACES_OF_NO_WIDTH = "\u200b"
_APART = (  # written without spaces: each sign is a word
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x303C),
    (0x3041, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x16FE2, 0x16FE4),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)


ASCII_WORD = re.compile(r"[a-z0-9]+")
# The same for all letters of a text at once: in lower case, or the space that parts two words.
_ASCII_LETTERS = bytes(
    ord(letter) if (letter := chr(code).lower()).isascii() and letter.isalnum() else ord(" ")
    for code in range(256)
)


class _Kind(Enum):
    separator = 0
    letter = 1
    apart = 2
    sign = 3  # belongs to the letter before it, and counts
    ignored = 4
    voiced = 5


class Token(NamedTuple):
    """A word as it is compared, and the code points of the text that it was read from."""

    word: str
    start: int
    end: int


@dataclass(slots=True)
class _Run:
    word: str
    start: int
    end: int
    apart: bool


def tokens(text: str) -> list[Token]:
    """The words of a text: no case, no accents, no punctuation."""
    if text.isascii():  # most texts; the same words, fifty times as fast
        return [Token(m[0][:MAX_LETTERS], *m.span()) for m in ASCII_WORD.finditer(text.lower())]
    runs: list[_Run] = []
    is_open = False
    for place, letter in enumerate(text):
        for sign, kind in _signs(letter):
            last = runs[-1] if is_open else None
            if kind is _Kind.apart or (kind is _Kind.letter and (last is None or last.apart)):
                runs.append(_Run(sign, place, place + 1, kind is _Kind.apart))
                is_open = True
            elif kind is _Kind.separator:
                is_open = False
            elif last is not None:
                last.end = place + 1
                if kind is _Kind.voiced and last.apart:
                    last.word = unicodedata.normalize("NFC", last.word + sign)
                elif kind is _Kind.letter or (kind is _Kind.sign and not last.apart):
                    last.word += sign
    return [Token(run.word[:MAX_LETTERS], run.start, run.end) for run in runs]


@lru_cache(maxsize=16_384)
def _signs(letter: str) -> tuple[tuple[str, _Kind], ...]:
    """What one code point is compared as: several signs, one, or none."""
    decomposed = unicodedata.normalize("NFKD", letter)
    bare = "".join(sign for sign in decomposed if _kind(sign) is not _Kind.ignored)
    folded = unicodedata.normalize("NFKD", bare.casefold().translate(_STROKES))
    # What is left out still joins what stands around it.
    return tuple((sign, _kind(sign)) for sign in folded) or (("", _Kind.ignored),)


def _kind(sign: str) -> _Kind:
    number, category = ord(sign), unicodedata.category(sign)
    if sign in _VOICED:
        return _Kind.voiced
    if category[0] in "LN":
        apart = any(first <= number <= last for first, last in _APART)
        return _Kind.apart if apart else _Kind.letter
    if category == "Cf":
        return _Kind.separator if sign in _SPACES_OF_NO_WIDTH else _Kind.ignored
    if category[0] != "M":
        return _Kind.separator
    is_selector = "VARIATION SELECTOR" in unicodedata.name(sign, "")
    if unicodedata.combining(sign) or category == "Me" or is_selector:
        return _Kind.ignored
    return _Kind.sign  # the vowels of Indic scripts


def stemmed(word: str) -> str:
    """The marked stem of an English word; any other word as it is."""
    return _STEMS[word] or word


def stems(words: Iterable[str | None]) -> list[str]:
    """The marked stem of each English word among them, once."""
    found = dict.fromkeys(map(_STEMS.__getitem__, words))
    found.pop("", None)
    return list(found)


class _Stems(dict[str | None, str]):
    """The marked stems of the words that were asked for; empty where a word has none."""

    def __missing__(self, word: str | None) -> str:
        if len(self) >= REMEMBERED:
            self.clear()
        found = ""
        if word is not None and len(word) >= LEAST_STEMMED and word.isascii() and word.isalpha():
            found = STEM + cast("str", _stemmer().stemWord(word))
        self[word] = found
        return found


_STEMS = _Stems()


def _stemmer() -> Any:
    """One for each thread: a stemmer keeps its word in itself."""
    found = getattr(_OF_THREAD, "stemmer", None)
    if found is None:
        # What it found before is remembered here, and not in each of them.
        found = _OF_THREAD.stemmer = Stemmer.Stemmer("english", 0)
    return found


class TermKind(StrEnum):
    word = "word"  # any form of it
    phrase = "phrase"  # these words, one after the other, as they are
    prefix = "prefix"  # the same, the last one only begun


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    kind: TermKind
    excluded: bool
    words: tuple[str, ...]

    def spans(self, words: Sequence[str | None]) -> Iterator[tuple[int, int]]:
        """Where it stands among words: first and behind the last, as positions in them."""
        if self.kind is TermKind.word:
            [wanted] = self.words
            for place, word in enumerate(words):
                if word is not None and stemmed(word) == wanted:
                    yield place, place + 1
            return
        length = len(self.words)
        for place in range(len(words) - length + 1):
            if self._begins(words[place : place + length]):
                yield place, place + length

    def _begins(self, words: Sequence[str | None]) -> bool:
        *before, last = words
        if last is None or tuple(before) != self.words[:-1]:
            return False
        if self.kind is TermKind.prefix:
            return last.startswith(self.words[-1])
        return last == self.words[-1]

    def is_in(self, *parts: Sequence[str | None]) -> bool:
        return any(True for words in parts for _ in self.spans(words))


@dataclass(frozen=True, slots=True)
class SearchQuery:
    terms: tuple[Term, ...]

    @property
    def wanted(self) -> list[Term]:
        return [term for term in self.terms if not term.excluded]

    @property
    def excluded(self) -> list[Term]:
        return [term for term in self.terms if term.excluded]


_TERM = re.compile(r'(?P<minus>-*)(?:"(?P<quoted>[^"]*)"?(?P<star>\**)|(?P<word>[^\s"]+))')
_QUOTES = str.maketrans("“”„«»", '"""""')


def parse_query(text: str) -> SearchQuery:
    """Any text is a query. What has no letter or digit is not a term."""
    terms = []
    for match in _TERM.finditer(text.translate(_QUOTES)):
        quoted, word = match["quoted"], match["word"]
        is_prefix = bool(match["star"]) if word is None else word.endswith("*")
        written = text[slice(*match.span("quoted" if word is None else "word"))]
        words = tuple(token.word for token in tokens(written))
        if not words:
            continue
        if is_prefix:
            kind = TermKind.prefix
        elif quoted is not None or len(words) > 1:
            kind = TermKind.phrase
        else:
            kind, words = TermKind.word, (stemmed(words[0]),)
        shown = written.rstrip("*") if is_prefix else written
        terms.append(Term(shown.strip(), kind, bool(match["minus"]), words))
    return SearchQuery(tuple(terms))


@dataclass(frozen=True, slots=True)
class ClaimTexts:
    """What of a claim is searched, the weightiest first."""

    statement: str
    labels: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)


class ClaimWords(NamedTuple):
    """The words of each part. None stands between two texts, so that no phrase spans them."""

    statement: list[str | None]
    labels: list[str | None]
    quotes: list[str | None]


def claim_words(texts: ClaimTexts) -> ClaimWords:
    """The words that a claim is found by, as many as both databases can hold."""
    parts = ([texts.statement], texts.labels, texts.quotes)
    length = sum(len(text) for part in parts for text in part)
    # A word and what parts it from the next take two letters: no limit can be met then.
    if length <= 2 * MAX_OF_ONE_WORD:
        return ClaimWords(*map(_all_words, parts))
    if length <= SHORT and all(text.isascii() for part in parts for text in part):
        words = ClaimWords(*map(_all_words, parts))
        if sum(map(len, words)) <= MAX_OF_ONE_WORD:
            return words
        counts = Counter(word for part in words for word in part if word is not None)
        if max(counts.values(), default=0) <= MAX_OF_ONE_WORD:
            return words
    room = _Room()
    return ClaimWords(*map(room.take, parts))


def _all_words(texts: Iterable[str]) -> list[str | None]:
    taken: list[str | None] = []
    for text in texts:
        taken += words_of(text)
        taken.append(None)
    return taken


def words_of(text: str) -> list[str]:
    """Of its ``tokens``, which take longer where it is not asked where they stand."""
    if text.isascii():
        words = text.encode().translate(_ASCII_LETTERS).decode().split()
        return words if len(text) <= MAX_LETTERS else [word[:MAX_LETTERS] for word in words]
    return [token.word for token in tokens(text)]


class _Room:
    """How much of a claim can still be taken in."""

    def __init__(self) -> None:
        self._positions, self._bytes = MAX_POSITIONS, MAX_BYTES
        self._seen = Counter[str]()

    def take(self, texts: Iterable[str]) -> list[str | None]:
        taken: list[str | None] = []
        for text in texts:
            for token in tokens(text):
                self._positions -= 1
                self._bytes -= len(token.word.encode())
                if self._positions <= 0 or self._bytes < 0:
                    return taken
                self._seen[token.word] += 1
                taken.append(token.word if self._seen[token.word] <= MAX_OF_ONE_WORD else None)
            self._positions -= 1
            taken.append(None)
        return taken


def tier_of(query: SearchQuery, words: ClaimWords) -> int:
    """How well a claim fits: 3 by its statement, 2 with its labels, 1 with its quotes, 0 not."""
    if not query.terms or any(term.is_in(*words) for term in query.excluded):
        return 0
    for tier, parts in ((3, words[:1]), (2, words[:2]), (1, words)):
        if all(term.is_in(*parts) for term in query.wanted):
            return tier
    return 0
