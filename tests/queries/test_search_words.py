"""The words of long and of short texts are found by the same rules."""

import pytest

from app import search_text
from app.search_text import ClaimTexts, ClaimWords, claim_words


def slowly(texts: ClaimTexts, monkeypatch: pytest.MonkeyPatch) -> ClaimWords:
    with monkeypatch.context() as patched:
        patched.setattr(search_text, "SHORT", 0)
        return claim_words(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ClaimTexts("Milia " * 90, ["Keratin gene", "SPF 30+"], ["a quote, " * 20]),
        ClaimTexts("a " * 254, ["a"], ["b"] * 20),
        ClaimTexts("a " * 254, ["a"], ["a b"] * 20),
        ClaimTexts("x" * 700, [], ["", "-- --", "x" * 300]),
        ClaimTexts("word " * 5_000),
        ClaimTexts("".join(map(chr, range(128))) * 9, ["A_b\x1fC-9\tz\x0b\x7f"]),
        ClaimTexts("Bläschen " * 90, ["é"], ["☃ " * 300]),
    ],
)
def test_the_words_of_a_text_are_those_of_a_count_letter_by_letter(
    texts: ClaimTexts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert claim_words(texts) == slowly(texts, monkeypatch)
