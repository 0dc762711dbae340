"""Loading the seed: all of it or nothing, once, and never over what people changed."""

import hashlib

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, finish_change
from app.commands.conflicts import refresh_conflicts
from app.commands.seed_records import SeedWriter
from app.commands.seed_reports import SeedReport
from app.commands.vocabularies import retype_claims, store_vocabulary
from app.models import Condition, SeedLoad
from app.models.base import utc_now
from app.schemas.seed import Seed
from app.vocabulary import Vocabulary

# Any number, the same for every process that loads a seed.
SEED_LOCK = 4_817_003


def seed_digest(content: bytes, vocabulary: Vocabulary) -> str:
    return hashlib.sha256(content + vocabulary.digest.encode()).hexdigest()


def is_loaded(session: Session, digest: str) -> bool:
    """Whether this very seed, with this vocabulary, is the one that was read last."""
    last = session.scalar(select(SeedLoad.digest).order_by(SeedLoad.id.desc()).limit(1))
    return last == digest


def lock_seed(session: Session) -> None:
    """Wait for another loader. On SQLite a writer has waited at its BEGIN."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SEED_LOCK})


def load_seed(session: Session, seed: Seed, vocabulary: Vocabulary, *, digest: str) -> SeedReport:
    """Bring the base to what the checked seed says, in one change by the actor ``seed``."""
    draft = ChangeDraft("seed", "seed", "seed", "Loaded the seed file and the vocabulary.")
    report = SeedReport()
    # Every condition is locked before anything is read: see the design, section 4.
    session.execute(select(Condition.id).order_by(Condition.id).with_for_update())
    vocabulary_changed = store_vocabulary(session, vocabulary, draft)
    writer = SeedWriter(session, draft, report, vocabulary)
    touched = writer.write(seed)
    if vocabulary_changed:
        retype_claims(session, vocabulary, draft)
    conditions = session.execute(select(Condition.id, Condition.slug).order_by(Condition.id))
    for condition_id, slug in conditions.all():
        if vocabulary_changed or condition_id in touched:
            refresh_conflicts(session, draft, condition_id, slug, vocabulary)
    report.change = finish_change(session, draft)
    session.add(
        SeedLoad(digest=digest, at=utc_now(), change=report.change, report=report.as_json()),
    )
    session.flush()
    return report
