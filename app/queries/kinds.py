"""The kinds of records: the table of each, and how its snapshots are made."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.models import (
    Account,
    ApiKey,
    Claim,
    Concept,
    Condition,
    Conflict,
    Document,
    Proposal,
    StoredVocabulary,
)
from app.queries.accounts import account_records, key_records
from app.queries.conflicts import conflict_records
from app.queries.proposals import proposal_records
from app.queries.records import (
    Record,
    claim_records,
    concept_records,
    condition_records,
    document_records,
    vocabulary_records,
)


class Kind(NamedTuple):
    """``records`` gives the snapshots of the rows of these ids."""

    model: Any
    records: Callable[[Session, Sequence[int]], dict[int, Record]]


KINDS: dict[str, Kind] = {
    "vocabulary": Kind(StoredVocabulary, vocabulary_records),
    "concept": Kind(Concept, concept_records),
    "condition": Kind(Condition, condition_records),
    "document": Kind(Document, document_records),
    "claim": Kind(Claim, claim_records),
    "conflict": Kind(Conflict, conflict_records),
    "proposal": Kind(Proposal, proposal_records),
    "account": Kind(Account, account_records),
    "key": Kind(ApiKey, key_records),
}
