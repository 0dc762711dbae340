"""All tables. Alembic sees a table once it is imported here."""

from app.models.accounts import Account, ApiKey
from app.models.base import Model
from app.models.changes import Change, Revision
from app.models.citations import Citation
from app.models.claim_counts import ClaimCount
from app.models.claims import Claim
from app.models.concepts import Concept, ConceptBroader, ConceptSynonym, ConceptXref
from app.models.condition_stamps import ConditionStamp
from app.models.conditions import Condition, ConditionAlias, ConditionXref
from app.models.conflicts import Conflict, ConflictClaim
from app.models.documents import Document, DocumentText, Passage
from app.models.proposals import Proposal
from app.models.requests import IdempotentAnswer, Import
from app.models.seeds import SeedLoad, SeedRecord
from app.models.touched_conditions import TouchedCondition
from app.models.vocabularies import StoredVocabulary
from app.models.written_claims import WrittenClaim

__all__ = [
    "Account",
    "ApiKey",
    "Change",
    "Citation",
    "Claim",
    "ClaimCount",
    "Concept",
    "ConceptBroader",
    "ConceptSynonym",
    "ConceptXref",
    "Condition",
    "ConditionAlias",
    "ConditionStamp",
    "ConditionXref",
    "Conflict",
    "ConflictClaim",
    "Document",
    "DocumentText",
    "IdempotentAnswer",
    "Import",
    "Model",
    "Passage",
    "Proposal",
    "Revision",
    "SeedLoad",
    "SeedRecord",
    "StoredVocabulary",
    "TouchedCondition",
    "WrittenClaim",
]
