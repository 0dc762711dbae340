"""A seed of few records about a text of two voices, to be changed by each test."""

import copy
import json
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.commands.seed import load_seed, seed_digest
from app.commands.seed_reports import SeedReport
from app.db import Sessions
from app.schemas.seed_checks import read_seed
from app.vocabulary import Vocabulary, load_vocabulary

Seed = dict[str, Any]

FIRST = "Milia is rare. It comes from a gene. It may hurt."
SECOND = "Milia is common. It comes from blocked glands."
TEXT = f"{FIRST}\n{SECOND}"


def concept(key: str, *, broader: list[str] | None = None) -> Seed:
    return {"key": key, "label": key.capitalize(), "kind": "special", "broader": broader or []}


def cite(quote: str, **said: Any) -> Seed:
    start = TEXT.index(quote)
    passage = "leaflet/p1" if start < len(FIRST) else "leaflet/p2"
    return {"passage": passage, "start": start, "end": start + len(quote), "quote": quote, **said}


def claim(question: str, value: str, *citations: Seed, **fields: Any) -> Seed:
    return {
        "key": f"milia/{question}/{value}",
        "condition": "milia",
        "question": question,
        "concept": value,
        "statement": f"Somebody says {value}.",
        "citations": list(citations),
        **fields,
    }


def small_seed() -> Seed:
    """Two origins and two frequencies that cannot stand together, and a symptom."""
    return copy.deepcopy(
        {
            "format": "claimbase-seed/1",
            "concepts": [
                concept("gene"),
                concept("gland"),
                concept("rare"),
                concept("common"),
                concept("pain"),
                concept("unknown"),
            ],
            "conditions": [
                {
                    "slug": "milia",
                    "name": "Milia",
                    "aliases": [{"slug": "milia-syndrome", "name": "Milia syndrome"}],
                    "xrefs": [{"id": "HP:0001056"}],
                },
            ],
            "documents": [
                {
                    "key": "leaflet",
                    "title": "A leaflet",
                    "length": len(TEXT),
                    "passages": [
                        {"key": "p1", "start": 0, "end": len(FIRST)},
                        {"key": "p2", "start": len(FIRST) + 1, "end": len(TEXT)},
                    ],
                },
            ],
            "claims": [
                claim("cause.origin", "gene", cite("It comes from a gene")),
                claim("cause.origin", "gland", cite("It comes from blocked glands")),
                claim("prevalence.frequency", "rare", cite("Milia is rare")),
                claim("prevalence.frequency", "common", cite("Milia is common")),
                claim("symptom.reported", "pain", cite("It may hurt", frequency="sometimes")),
            ],
        },
    )


def claim_in(seed: Seed, value: str) -> Seed:
    found: list[Seed] = [one for one in seed["claims"] if one["key"].endswith(f"/{value}")]
    return found[0]


def concept_in(seed: Seed, key: str) -> Seed:
    found: list[Seed] = [one for one in seed["concepts"] if one["key"] == key]
    return found[0]


def load(sessions: Sessions, seed: Seed, vocabulary: Vocabulary | None = None) -> SeedReport:
    """Read, check and load it, as the command does."""
    vocabulary = vocabulary or load_vocabulary()
    content = json.dumps(seed).encode()
    checked = read_seed(content, vocabulary)
    with sessions.write.begin() as session:
        return load_seed(session, checked, vocabulary, digest=seed_digest(content, vocabulary))


def pairs(session: Session, statement: Select[Any, Any]) -> dict[Any, Any]:
    """Rows of two columns as a dictionary."""
    return {first: second for first, second in session.execute(statement)}  # noqa: C416 - rows are no pairs to mypy
