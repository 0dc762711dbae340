"""Import lines of a realistic base, the same for the same size on every machine.

50 claims for each condition, 1.5 citations for each claim, each quote the words that stand in
its document, types and questions as unevenly spread as concepts and words are, concepts shared
by the conditions, and 3 % of the claims in conflicts of every kind that claims can be in.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from app.config import ROOT
from app.vocabulary import load_vocabulary
from bench.language import Chance, Language, Zipf

CLAIMS_OF_A_CONDITION = 50
CLAIMS_OF_A_DOCUMENT = 40
PASSAGES = 10
PASSAGE_LENGTH = 1_200
DOCUMENTS_AT_HAND = 8
BROADER_EVERY = 10  # each tenth concept is a kind of the one nine places before it
# The seed's own, so that both can be in one base.
SHARED = ("unknown", "rare", "common", "children", "adults", "mild", "severe")
POOLS = {
    "cause": 8,
    "finding": 30,
    "site": 6,
    "treatment": 20,
    "measure": 12,
    "method": 6,
    "disease": 12,
    "outcome": 6,
}  # kinds of concepts, with their share of all in per cent
# Questions that take any number of answers, the most frequent first.
OPEN = {
    "symptom.reported": "finding",
    "treatment.option": "treatment",
    "sign.feature": "finding",
    "location.site": "site",
    "complication.outcome": "outcome",
    "risk_factor.factor": "cause",
    "association.condition": "disease",
    "diagnosis.method": "method",
    "management.measure": "measure",
    "differential.resembles": "disease",
    "adverse_effect.effect": "finding",
    "prevention.measure": "measure",
    "treatment.effect": "outcome",
    "course.development": "outcome",
    "recommendation.advice": None,
    "mechanism.pathway": None,
    "prognosis.outlook": "outcome",
    "definition.kind": "disease",
}  # and the kind of their values; none: words
# Questions for which answers compete: one answer each, but where a conflict is wanted.
SINGLE = {
    "cause.origin": "cause",
    "onset.usual_age": "outcome",
    "prevalence.frequency": None,
    "diagnosis.usual_method": "method",
    "treatment.usual": "treatment",
    "inheritance.pattern": "cause",
    "sign.colour": "finding",
    "prevalence.rate": None,
}
# What claims of a condition clash about, the most frequent first: two claims each.
CLASHES = ("origin", "frequency", "denial", "role", "unknown", "rate")
CLASHES_OF_A_CONDITION = ((55, 0), (83, 1), (97, 2), (100, 3))  # 0.75 on average
ASSERTED = {"certainty": "asserted", "frequency": "unspecified", "exclusivity": "unspecified"}
Line = dict[str, Any]
Value = dict[str, Any]


@cache
def digest() -> str:
    """Changes with what is generated and with the vocabulary, not with how it is written."""
    found = hashlib.sha256(load_vocabulary().digest.encode())
    for line in lines(1_000):
        found.update(json.dumps(line).encode())
    return found.hexdigest()[:8]


def lines(claims: int) -> Iterator[Line]:
    return _Generator(claims).lines()


def common_and_rare_words() -> tuple[list[str], list[str]]:
    """The three most frequent words, and three that are in about one claim of 10,000."""
    vocabulary = Language(Chance(7)).vocabulary
    return vocabulary[:3], vocabulary[12_000:12_003]


class _Generator:
    def __init__(self, claims: int) -> None:
        self._claims = claims
        self._chance = Chance(7)
        self._language = Language(self._chance)
        chance = self._chance
        self._number = max(400, claims // 50)
        self._pools = {
            kind: Zipf(chance, [f"{kind}-{n}" for n in range(self._number * share // 100)])
            for kind, share in POOLS.items()
        }
        self._open = Zipf(chance, list(OPEN))
        self._clashes = Zipf(chance, CLASHES)
        self._publishers = Zipf(chance, [f"Publisher {n}" for n in range(1, 41)])
        self._documents: list[tuple[str, str]] = []  # the last ones: key and text
        self._written = 0

    def lines(self) -> Iterator[Line]:
        yield from self._concepts()
        for number in range(0, self._claims, CLAIMS_OF_A_CONDITION):
            slug = f"bench-condition-{number // CLAIMS_OF_A_CONDITION}"
            name = self._language.words(2)
            yield {"type": "condition", "slug": slug, "name": name}
            many = min(CLAIMS_OF_A_CONDITION, self._claims - number)
            for value in self._values(many):
                if self._written % CLAIMS_OF_A_DOCUMENT == 0:
                    yield self._document()
                yield self._claim(slug, name, value)

    def _concepts(self) -> Iterator[Line]:
        seed = json.loads((ROOT / "data" / "seed.json").read_bytes())
        for concept in seed["concepts"]:
            if concept["key"] in SHARED:
                yield {"type": "concept"} | concept
        for kind, share in POOLS.items():
            for number in range(self._number * share // 100):
                label = f"{self._language.words(2)} {number}"
                line: Line = {"type": "concept", "key": f"{kind}-{number}"}
                line |= {"label": label, "kind": kind}
                if self._chance.is_one_of(30):
                    line["synonyms"] = [f"{self._language.words(1)} {number}"]
                if number % BROADER_EVERY == BROADER_EVERY - 1:
                    line["broader"] = [f"{kind}-{number - BROADER_EVERY + 1}"]
                yield line

    def _values(self, many: int) -> list[Value]:
        """What the claims of one condition say: clashes first, then what stands by itself."""
        found: dict[str, Value] = {}
        single = dict(SINGLE)
        drawn = self._chance.below(100)
        wanted = next(number for limit, number in CLASHES_OF_A_CONDITION if drawn < limit)
        kinds: dict[str, None] = {}
        while len(kinds) < wanted:
            kinds[self._clashes.draw()] = None
        for kind in kinds:
            for value in self._clash(kind):
                found.setdefault(json.dumps(value), value | {"clashes": True})
                single.pop(value["question"], None)
        for question in single:
            if self._chance.is_one_of(60):
                value = self._single(question)
                found[json.dumps(value)] = value
        while len(found) < many:
            value = self._listed()
            found.setdefault(json.dumps(value), value)
        return list(found.values())[:many]

    def _clash(self, kind: str) -> list[Value]:
        two = self._two
        if kind == "origin":
            return [{"question": "cause.origin", "concept": key} for key in two("cause")]
        if kind == "frequency":
            return [
                {"question": "prevalence.frequency", "concept": key} for key in ("rare", "common")
            ]
        if kind == "denial":
            value = {"question": "symptom.reported", "concept": two("finding")[0]}
            return [value, value | {"polarity": "denies"}]
        if kind == "role":
            questions = "treatment.option", "risk_factor.factor"
            key = two("treatment")[0]
            return [{"question": question, "concept": key} for question in questions]
        if kind == "unknown":
            return [
                {"question": "cause.origin", "concept": key} for key in ("unknown", two("cause")[0])
            ]
        low = 1 + self._chance.below(20)
        return [_rate(low, low + 2), _rate(low + 10, low + 15)]

    def _two(self, kind: str) -> list[str]:
        """Two concepts of which neither is broader than the other."""
        found: dict[str, None] = {}
        while len(found) < 2:  # noqa: PLR2004 - two, as it says
            key = self._pools[kind].draw()
            if int(key.rsplit("-", 1)[1]) % BROADER_EVERY != BROADER_EVERY - 1:
                found[key] = None
        return list(found)

    def _single(self, question: str) -> Value:
        if question == "prevalence.rate":
            low = 1 + self._chance.below(20)
            return _rate(low, low + 5)
        kind = SINGLE[question]
        concept = self._pools[kind].draw() if kind else self._chance.pick(("rare", "common"))
        return {"question": question, "concept": concept}

    def _listed(self) -> Value:
        question = self._open.draw()
        kind = OPEN[question]
        if kind is None:
            return {"question": question, "words": self._language.sentence(6)}
        value: Value = {"question": question, "concept": self._pools[kind].draw()}
        if question in {"treatment.effect", "adverse_effect.effect"}:
            value["subject"] = self._pools["treatment"].draw()
        if self._chance.is_one_of(10):
            value["scope"] = {"population": self._chance.pick(("children", "adults"))}
        elif self._chance.is_one_of(5):
            value["scope"] = {"severity": self._chance.pick(("mild", "severe"))}
        return value

    def _document(self) -> Line:
        number = self._written // CLAIMS_OF_A_DOCUMENT
        key = f"bench-document-{number}"
        length = PASSAGES * PASSAGE_LENGTH
        text = self._language.words(length // 5)[:length].ljust(length)
        self._documents = [*self._documents[1 - DOCUMENTS_AT_HAND :], (key, text)]
        return {
            "type": "document",
            "key": key,
            "title": self._language.words(4),
            "publisher": self._publishers.draw(),
            "text": text,
            "passages": [
                {"key": f"p{place}", "start": place * PASSAGE_LENGTH, "end": end}
                for place, end in enumerate(range(PASSAGE_LENGTH, length + 1, PASSAGE_LENGTH))
            ],
        }

    def _claim(self, slug: str, name: str, value: Value) -> Line:
        number, self._written = self._written, self._written + 1
        value = dict(value)
        clashes = value.pop("clashes", False)
        cited: dict[str, Line] = {}
        drawn = self._chance.below(10)
        wanted = 1 if drawn < 6 else 2 if drawn < 9 else 3  # noqa: PLR2004 - 1.5 on average
        while len(cited) < wanted:
            line = self._citation()
            cited[line["passage"]] = line | (ASSERTED if clashes else self._hedging())
        return {
            "type": "claim",
            "key": f"bench/{number}",
            "condition": slug,
            "statement": f"{name} {self._language.sentence(12)}",
            **value,
            "citations": list(cited.values()),
        }

    def _citation(self) -> Line:
        is_near = len(self._documents) == 1 or self._chance.is_one_of(70)
        key, text = self._documents[-1] if is_near else self._chance.pick(self._documents)
        passage = self._chance.below(PASSAGES)
        start = passage * PASSAGE_LENGTH + self._chance.below(PASSAGE_LENGTH - 150)
        end = start + self._chance.between(40, 140)
        return {
            "passage": f"{key}/p{passage}",
            "start": start,
            "end": end,
            "quote": text[start:end],
        }

    def _hedging(self) -> Line:
        return {
            "certainty": "suspected" if self._chance.is_one_of(20) else "asserted",
            "frequency": "sometimes" if self._chance.is_one_of(25) else "unspecified",
            "exclusivity": "one_of_several" if self._chance.is_one_of(15) else "unspecified",
        }


def _rate(low: int, high: int) -> Value:
    return {
        "question": "prevalence.rate",
        "quantity": {"low": low, "high": high, "unit": "%", "as_said": f"{low} to {high} %"},
    }
