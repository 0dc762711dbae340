"""Words as they are compared."""

import unicodedata


def folded(term: str) -> str:
    """Without case, compatibility forms and double spaces: ``Laser  X`` -> ``laser x``."""
    return " ".join(unicodedata.normalize("NFKC", term).casefold().split())


def slugified(name: str) -> str:
    """``Milia Syndrome`` -> ``milia-syndrome``."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in letters)
    return "-".join(words.split())
