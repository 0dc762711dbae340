"""Words as they are compared."""

import difflib
import unicodedata
from collections.abc import Iterable


def folded(term: str) -> str:
    """Without case, compatibility forms and double spaces: ``Laser  X`` -> ``laser x``."""
    return " ".join(unicodedata.normalize("NFKC", term).casefold().split())


def slugified(name: str) -> str:
    """``Milia Syndrome`` -> ``milia-syndrome``."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in letters)
    return "-".join(words.split())


def nearest(name: str, known: Iterable[str], *, most: int = 1) -> list[str]:
    """The known words that a mistyped one may stand for, nearest first."""
    return difflib.get_close_matches(name.lower()[:80], list(known), n=most, cutoff=0.6)
