"""What a search has to find, computed the slow way: every query against every claim.

Written apart from ``app.search_text``: other steps, over what the API says of its records.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from snowballstemmer.english_stemmer import EnglishStemmer

_STEMMER = EnglishStemmer()
_STEMS: dict[str, str] = {}
_STROKES = dict(zip("øłđð\u0131", "olddi", strict=True)) | {"þ": "th", "æ": "ae", "œ": "oe"}
_WORD = re.compile("A[VS]*|L[LSV]*")
_WRITTEN_APART = (
    *("CJK UNIFIED", "CJK COMPATIBILITY", "HANGZHOU", "OLD CHINESE ITERATION"),
    *("IDEOGRAPHIC ITERATION", "IDEOGRAPHIC CLOSING", "IDEOGRAPHIC NUMBER"),
    *("HIRAGANA", "KATAKANA", "HENTAIGANA", "VERTICAL KANA", "VERTICAL IDEOGRAPHIC", "MASU MARK"),
)
Words = list[str]


def words_of(text: str) -> Words:
    kept = "".join(c for c in unicodedata.normalize("NFKD", text) if _class_of(c) != "")
    folded = "".join(_STROKES.get(c, c) for c in kept.casefold())
    signs = [c for c in unicodedata.normalize("NFKD", folded) if _class_of(c) != ""]
    classes = "".join(map(_class_of, signs))
    found = []
    for match in _WORD.finditer(classes):
        own = signs[slice(*match.span())]
        out = "S" if match[0][0] == "A" else "V"
        kept = "".join(c for c, class_ in zip(own, match[0], strict=True) if class_ != out)
        found.append(unicodedata.normalize("NFC", kept) if out == "S" else kept)
    return [word[:200] for word in found]


def _class_of(sign: str) -> str:
    """Letter, letter written Apart, Sign, Voicing, a space, or nothing."""
    category = unicodedata.category(sign)
    if sign in "\u3099\u309a":
        return "V"
    if category[0] in "LN":
        return "A" if unicodedata.name(sign, "").startswith(_WRITTEN_APART) else "L"
    if category == "Cf":
        return " " if sign == "\u200b" else ""
    if category[0] == "M":
        name = unicodedata.name(sign, "")
        dropped = category == "Me" or unicodedata.combining(sign) or "VARIATION SELECTOR" in name
        return "" if dropped else "S"
    return " "


def stem(word: str) -> str:
    if not re.fullmatch("[a-z]{3,}", word):
        return word
    if word not in _STEMS:
        _STEMS[word] = "=" + _STEMMER.stemWord(word)
    return _STEMS[word]


class Wanted(NamedTuple):
    kind: str
    excluded: bool
    words: Words


def read_terms(query: str) -> list[Wanted]:
    """The grammar, letter by letter: ``-`` excludes, quotes hold together, ``*`` leaves open."""
    for other in "“”„«»":
        query = query.replace(other, '"')
    rest, found = query.lstrip(), []
    while rest:
        bare = rest.lstrip("-")
        excluded = bare not in {rest, ""} and not bare[0].isspace()
        if bare.startswith('"'):
            said, _, rest = bare[1:].partition('"')
            is_open = rest.startswith("*")
            rest = rest.lstrip("*")
            kind = "phrase"
        else:
            end = re.search(r'[\s"]', bare)
            said = bare[: end.start()] if end else bare
            rest = bare[len(said) :]
            is_open = said.endswith("*")
            kind = "word"
        words = words_of(said)
        if is_open:
            kind = "prefix"
        elif len(words) > 1:
            kind = "phrase"
        if words:
            found.append(Wanted(kind, excluded, words))
        rest = rest.lstrip()
    return found


class Searched(NamedTuple):
    """A claim by its words: one list of words for each text of each part."""

    id: str
    passages: int
    statement: list[Words]
    labels: list[Words]
    quotes: list[Words]


def searched(claim: dict[str, Any], synonyms: dict[str, list[str]]) -> Searched:
    labels = []
    for concept in filter(None, (claim["concept"], claim["subject"])):
        labels += [concept["label"], *synonyms[concept["key"]]]
    labels += [claim["quantity"]["as_said"]] if claim["quantity"] else []
    labels += [claim["words"]] if claim["words"] else []
    return Searched(
        claim["id"],
        len({citation["passage"]["id"] for citation in claim["citations"]}),
        [words_of(claim["statement"])],
        [words_of(label) for label in labels],
        [words_of(citation["quote"]) for citation in claim["citations"] if citation["quote"]],
    )


def ids_found(query: str, claims: Sequence[Searched]) -> list[str]:
    """The ids that the query finds, in their order."""
    terms = read_terms(query)
    wanted = [term for term in terms if not term.excluded]
    unwanted = [term for term in terms if term.excluded]
    ranked = []
    for claim in claims:
        everything = [*claim.statement, *claim.labels, *claim.quotes]
        if not terms or any(_stands(term, everything) for term in unwanted):
            continue
        tier = 0
        if all(_stands(term, everything) for term in wanted):
            tier = 1
        if all(_stands(term, [*claim.statement, *claim.labels]) for term in wanted):
            tier = 2
        if all(_stands(term, claim.statement) for term in wanted):
            tier = 3
        if tier:
            ranked.append((-tier, -claim.passages, int(claim.id[3:]), claim.id))
    return [id_ for *_, id_ in sorted(ranked)]


def _stands(term: Wanted, texts: list[Words]) -> bool:
    """Whether the term stands in any of the texts."""
    if term.kind == "word":
        return any(stem(word) == stem(term.words[0]) for text in texts for word in text)
    # Words joined by a sign that no word has, so that a phrase is a part of a string.
    looked_for = "|" + "|".join(term.words) + ("" if term.kind == "prefix" else "|")
    return any(looked_for in "|" + "|".join(text) + "|" for text in texts)
