"""How well two independent readings of a document agree.

``python -m tools.agreement A.jsonl B.jsonl``: one JSON object a line, as
``docs/annotation.md`` describes. Records are paired one to one within a passage, the pair
with the most in common first; what is left over was seen by one reader only.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FIELDS = ("polarity", "certainty", "frequency", "exclusivity")


class Record(NamedTuple):
    """One citation of one claim, with its place in the text (code points, half-open)."""

    start: int
    end: int
    row: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.row["question"]).partition(".")[0]

    @property
    def value(self) -> str:
        quantity = self.row["quantity"]
        given = self.row["concept"] or self.row["words"] or (quantity and quantity["as_said"])
        return str(given)


def read(path: Path) -> list[Record]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Record(row["start"], row["end"], row) for row in rows]


def overlap(one: Record, other: Record) -> float:
    """Shared code points as a part of all that either span has (Jaccard), 0 to 1."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return max(shared, 0) / (max(one.end, other.end) - min(one.start, other.start))


def likeness(one: Record, other: Record) -> float:
    """Overlap decides; the same question, and words in common in the value, break ties."""
    words = [set(record.value.replace("-", " ").lower().split()) for record in (one, other)]
    common = len(words[0] & words[1]) / len(words[0] | words[1])
    same_question = one.row["question"] == other.row["question"]
    return overlap(one, other) + 2 * int(same_question) + 2 * common


def pair_up(
    first: Sequence[Record],
    second: Sequence[Record],
    *,
    same_question: bool,
) -> Iterator[tuple[Record, Record]]:
    """Pairs of records whose spans overlap, each record in at most one."""
    candidates = [
        (likeness(one, other), i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
        if overlap(one, other) > 0
        and (not same_question or one.row["question"] == other.row["question"])
    ]
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    for _, i, j in sorted(candidates, key=lambda c: (-c[0], c[1], c[2])):
        if i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
            yield first[i], second[j]


def kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's kappa: agreement beyond what the readers' habits alone would give."""
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    left, right = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(left[label] * right[label] for label in left) / len(pairs) ** 2
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def report(first: Sequence[Record], second: Sequence[Record]) -> Iterator[str]:
    """The figures, a line each."""
    yield f"records: {len(first)} and {len(second)}"
    for title, same_question in (
        ("same words, any question", False),
        ("same words and question", True),
    ):
        found = list(pair_up(first, second, same_question=same_question))
        f1 = 2 * len(found) / (len(first) + len(second))
        yield f"{title}: {len(found)} pairs, F1 {f1:.3f}"
    loose = list(pair_up(first, second, same_question=False))
    for name in ("type", "question"):
        labels = [
            (one.type, other.type)
            if name == "type"
            else (str(one.row["question"]), str(other.row["question"]))
            for one, other in loose
        ]
        yield _agreement(name, labels)
    pairs = list(pair_up(first, second, same_question=True))
    for name in FIELDS:
        yield _agreement(name, [(one.row[name], other.row[name]) for one, other in pairs])
    about = [(str(bool(a.row["subject"])), str(bool(b.row["subject"]))) for a, b in pairs]
    yield _agreement("about the condition or not", about)
    scoped = [(str(sorted(a.row["scope"])), str(sorted(b.row["scope"]))) for a, b in pairs]
    yield _agreement("scope parts", scoped)
    same = sum((a.start, a.end) == (b.start, b.end) for a, b in pairs)
    mean = sum(overlap(a, b) for a, b in pairs) / len(pairs)
    yield f"quotes: {same / len(pairs):.1%} identical, mean overlap {mean:.3f}"
    equal = sum(a.value == b.value for a, b in pairs)
    yield f"values under the same key before normalisation: {equal / len(pairs):.1%}"


def _agreement(name: str, labels: Sequence[tuple[str, str]]) -> str:
    agreed = sum(one == other for one, other in labels) / len(labels)
    return f"{name}: {agreed:.1%} of {len(labels)} pairs, kappa {kappa(labels):.3f}"


def main(arguments: Sequence[str]) -> None:
    first, second = map(Path, arguments)
    for line in report(read(first), read(second)):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
