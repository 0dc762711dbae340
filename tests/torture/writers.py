"""Editors and an importer on a small base, and whether what was answered is what is there.

Every write carries a token of its own in the statements that it writes. An outcome is
acknowledged, refused, or unknown where no answer came. A batch of an import writes its token
``BATCH`` times, in one change.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Change, Claim, Revision
from app.queries.check import check_base
from app.startup import prepare
from app.vocabulary import load_vocabulary
from tests.commands.imports import written
from tests.commands.seeds import cite, claim, concept, small_seed

BATCH = 8
JSONL = {"Content-Type": "application/jsonl"}
REFUSED = {
    httpx.codes.CONFLICT,
    httpx.codes.PRECONDITION_FAILED,
    httpx.codes.SERVICE_UNAVAILABLE,
    httpx.codes.INSUFFICIENT_STORAGE,
}


@dataclass(slots=True)
class Attempt:
    """One write. ``parts``: how many versions of claims have its token if it was written."""

    token: str
    parts: int = 1
    outcome: str = "unknown"


def prepare_small_base(url: str, folder: Path) -> Path:
    """Five claims to edit, and the concepts of those that a batch imports; the file of the seed."""
    seed = small_seed()
    seed["concepts"] += [concept(f"sign-{number}") for number in range(BATCH)]
    file = folder / "small-seed.json"
    file.write_text(json.dumps(seed))
    prepare(url, file)
    return file


def batch(token: str) -> bytes:
    """Lines of claims with this token."""
    said = {"type": "claim", "statement": f"Token {token}."}
    return written(
        claim("symptom.reported", f"sign-{number}", cite("It may hurt")) | said
        for number in range(BATCH)
    )


class Editor:
    """Edits the claims of others, and drafts one of its own now and then."""

    def __init__(self, name: str, luck: random.Random) -> None:
        self._name, self._luck, self._made = name, luck, 0
        self._claims = range(1, 6)

    def attempt(self) -> Attempt:
        self._made += 1
        return Attempt(f"{self._name}-{self._made}")

    def request(self, client: Any, attempt: Attempt) -> httpx.Request | None:
        """The write, to be sent; None where what has to be read before cannot be."""
        keyed = {"Idempotency-Key": attempt.token}
        body: dict[str, Any] = {"statement": f"Token {attempt.token}.", "reason": "A test."}
        if self._made % 10 == 0:
            body |= {
                "condition": "milia",
                "question": "recommendation.advice",
                "words": f"Take {attempt.token}.",
                "citations": [{"passage": "leaflet/p1", "locator": "the last line"}],
            }
            return _built(client, "POST", "/claims", json=body, headers=keyed)
        name = f"CLM{self._luck.choice(self._claims)}"
        read = client.get(f"/claims/{name}")
        if read.status_code != httpx.codes.OK:
            return None
        if self._made % 3 == 0:  # something that the conflict rules look at
            body["scope"] = {"age_low": self._made % 100}
        tag = {"If-Match": f'"{name}.{read.json()["version"]}"'}
        return _built(client, "PATCH", f"/claims/{name}", json=body, headers=keyed | tag)


class BatchImporter(Editor):
    """Makes the claims of the batch, and then gives all of them another statement."""

    def attempt(self) -> Attempt:
        self._made += 1
        return Attempt(f"{self._name}-{self._made}", parts=BATCH)

    def request(self, client: Any, attempt: Attempt) -> httpx.Request:
        headers = JSONL | {"Idempotency-Key": attempt.token}
        return _built(client, "POST", "/imports", content=batch(attempt.token), headers=headers)


def _built(client: Any, *what: str, **parts: Any) -> httpx.Request:
    return cast("httpx.Request", client.build_request(*what, **parts))


def note_answer(attempt: Attempt, answer: Any) -> None:
    if answer is None or answer.status_code in REFUSED:
        attempt.outcome = "refused"
    elif answer.is_success:
        attempt.outcome = "acknowledged"
    else:
        attempt.outcome = f"unexpected {answer.status_code}"


def tokens_in(session: Session) -> dict[str, Counter[int]]:
    """How many versions of claims have each token, by the number of their change."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    rows = session.execute(
        select(Revision.change, Revision.snapshot).where(Revision.record_type == "claim"),
    )
    for change, snapshot in rows:
        word, _, token = snapshot["statement"].removesuffix(".").partition(" ")
        if word == "Token":
            found[token][change] += 1
    return found


def disagreements(attempts: Iterable[Attempt], found: dict[str, Counter[int]]) -> Iterator[str]:
    """Where the answers and the tokens in the base do not agree."""
    known = set()
    for attempt in attempts:
        known.add(attempt.token)
        parts = list(found.get(attempt.token, {}).values())
        if attempt.outcome.startswith("unexpected"):
            yield f"{attempt.token} was answered with something {attempt.outcome}"
        elif attempt.outcome == "acknowledged" and not parts:
            yield f"{attempt.token} was acknowledged and is lost"
        elif attempt.outcome == "refused" and parts:
            yield f"{attempt.token} was refused and is there"
        elif parts not in ([], [attempt.parts]):
            yield f"{attempt.token} is there in the parts {parts} instead of {attempt.parts}"
    yield from (f"{token} is there and nobody wrote it" for token in found.keys() - known)


def base_faults(session: Session) -> list[str]:
    """What ``check`` finds, gaps in the numbers of changes, claims that are not their last
    revision."""
    faults = check_base(session, load_vocabulary(), lambda _: None)
    numbers = list(session.scalars(select(Change.number).order_by(Change.number)))
    if numbers != list(range(1, len(numbers) + 1)):
        faults.append(f"the {len(numbers)} changes go up to {numbers[-1]}")
    last = {
        id_: (version, snapshot["statement"])
        for id_, version, snapshot in session.execute(
            select(Revision.record_id, Revision.version, Revision.snapshot)
            .where(Revision.record_type == "claim")
            .order_by(Revision.version),
        )
    }
    faults += [
        f"CLM{id_} is not what its last revision says"
        for id_, version, statement in session.execute(
            select(Claim.id, Claim.version, Claim.statement)
        )
        if last.get(id_) != (version, statement)
    ]
    return faults
