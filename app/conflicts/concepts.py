"""Which concept is narrower than which."""

from collections.abc import Iterable, Mapping


class Concepts:
    """The hierarchy of concepts, from each key to the keys directly broader than it.

    A key without an entry is a root. Concepts on a cycle are each narrower than the others.
    """

    def __init__(self, broader: Mapping[str, Iterable[str]]) -> None:
        self._broader = {key: tuple(keys) for key, keys in broader.items()}
        self._lines: dict[str, frozenset[str]] = {}

    def with_broader(self, key: str) -> frozenset[str]:
        """The concept itself and everything broader than it, at any distance."""
        line = self._lines.get(key)
        if line is None:
            found, ahead = {key}, [key]
            while ahead:
                new = set(self._broader.get(ahead.pop(), ())) - found
                found |= new
                ahead.extend(new)
            line = self._lines[key] = frozenset(found)
        return line

    def is_same_or_narrower(self, key: str, other: str) -> bool:
        return other in self.with_broader(key)

    def are_related(self, key: str, other: str) -> bool:
        """Whether they are equal or one is broader than the other."""
        return other in self.with_broader(key) or key in self.with_broader(other)
