"""Words, choices and texts with the frequencies of Zipf's law, the same on every machine."""

import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
LETTERS = "aeiouaeiouaeioubcdfghklmnprst"
VOCABULARY = 20_000


class Chance:
    """Only ``random()`` is used: of all that the module offers, it alone is promised to stay."""

    def __init__(self, number: int) -> None:
        self.number = random.Random(number).random  # noqa: S311 - nothing is guarded by it

    def below(self, limit: int) -> int:
        return int(self.number() * limit)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def is_one_of(self, hundred: int) -> bool:
        """True in this many of a hundred cases."""
        return self.number() * 100 < hundred

    def pick(self, things: Sequence[Thing]) -> Thing:
        return things[self.below(len(things))]


class Zipf(Generic[Thing]):
    """Draws the n-th thing with a weight of 1/n."""

    def __init__(self, chance: Chance, things: Sequence[Thing]) -> None:
        self._chance = chance
        self._things = things
        weights = [1 / rank for rank in range(1, len(things) + 1)]
        self._sums = list(accumulate(weights))

    def draw(self) -> Thing:
        wanted = self._chance.number() * self._sums[-1]
        low, high = 0, len(self._sums) - 1
        while low < high:
            middle = (low + high) // 2
            if self._sums[middle] > wanted:
                high = middle
            else:
                low = middle + 1
        return self._things[low]


class Language:
    """``common`` is its most frequent word, ``rare`` one of the least."""

    def __init__(self, chance: Chance) -> None:
        found: dict[str, None] = {}
        while len(found) < VOCABULARY:
            length = 3 + chance.below(8)
            found["".join(LETTERS[chance.below(len(LETTERS))] for _ in range(length))] = None
        self.vocabulary = list(found)
        self._words = Zipf(chance, self.vocabulary)

    def words(self, number: int) -> str:
        return " ".join([self._words.draw() for _ in range(number)])

    def sentence(self, number: int) -> str:
        return self.words(number).capitalize() + "."
