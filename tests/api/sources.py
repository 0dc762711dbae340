"""A small base to curate: a leaflet of two voices, and the clients of each role."""

import hashlib
from typing import Any, NamedTuple

from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Sessions
from app.models import Citation, Document, DocumentText, Passage
from app.policy import Role
from app.queries.check import check_base
from app.vocabulary import Verification, load_vocabulary
from tests.accounts import signed_in
from tests.api.curation import REASON, tag
from tests.api.operations import walk
from tests.commands.seeds import TEXT, load, small_seed

Record = dict[str, Any]
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()


class Desk(NamedTuple):
    """Who works at a base: anybody, and three who have a key."""

    public: TestClient
    contributor: TestClient
    curator: TestClient
    admin: TestClient
    sessions: Sessions

    def document(self, key: str = "leaflet") -> Record:
        [row] = [row for row in walk(self.public, "/documents") if row["key"] == key]
        return self.read(f"/documents/{row['id']}")

    def concept(self, key: str) -> Record:
        return self.read(f"/concepts/{key}")

    def claim(self, key: str) -> Record:
        """The public claim whose value is the concept of this key."""
        [row] = walk(self.public, f"/claims?concept={key}&limit=100")
        return dict(row)

    def read(self, address: str) -> Record:
        answer = self.curator.get(address)
        assert answer.status_code == 200, answer.text
        record: Record = answer.json()
        return record

    def flagged(self) -> set[str]:
        """The values of the claims that are in conflict."""
        rows = walk(self.public, "/claims?conflict=true&limit=100")
        return {row["concept"]["key"] for row in rows}

    def faults(self) -> list[str]:
        with self.sessions.read() as session:
            return faults_of(session)


def faults_of(session: Session) -> list[str]:
    """What ``check`` finds wrong, and citations that say verified and are not."""
    rows = session.execute(
        select(Citation, DocumentText.text)
        .join(Passage, Passage.id == Citation.passage_id)
        .join(Document, Document.id == Passage.document_id)
        .join(DocumentText, DocumentText.sha256 == Document.sha256)
        .where(Document.text_held, Citation.verification == Verification.verified),
    )
    misquoted = [
        f"CIT{cited.id} does not stand in the text"
        for cited, text in rows
        if text[cited.start : cited.end] != cited.quote
    ]
    return misquoted + check_base(session, load_vocabulary(), lambda _: None)


def desk_at(client: TestClient, sessions: Sessions, seed: Record | None = None) -> Desk:
    load(sessions, seed or small_seed())
    contributor, curator, admin = (signed_in(client, sessions, role) for role in Role)
    return Desk(client, contributor, curator, admin, sessions)


def seed_with_digest() -> Record:
    """The leaflet's digest is known, its text is not held, as after a load of the seed."""
    seed = small_seed()
    seed["documents"][0]["sha256"] = DIGEST
    return seed


def leaflet(**parts: Any) -> Record:
    """A new document; its text is the leaflet's."""
    return {
        "key": "flyer",
        "title": "A flyer",
        "text": TEXT,
        "passages": [{"key": "p1", "start": 0, "end": len(TEXT)}],
        "reason": REASON,
    } | parts


def sent(client: TestClient, method: str, record: Record, path: str = "", **body: Any) -> Any:
    """The answer to a change of a record, made from the version that it has."""
    kinds = {"DOC": "documents", "CPT": "concepts", "CND": "conditions"}
    name = record["id"] if record["id"].startswith("DOC") else record.get("key") or record["slug"]
    address = f"/{kinds[record['id'][:3]]}/{name}{path}"
    return client.request(method, address, json={"reason": REASON} | body, headers=tag(record))


def done(answer: Any, status: int = 200) -> Record:
    assert answer.status_code == status, answer.text
    record: Record = answer.json()
    return record
