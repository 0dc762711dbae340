"""Who may call which operation. What has no row here is refused to everybody.

An operation is named by its router function, which is also its ``operationId``.
"""

from enum import StrEnum


class Role(StrEnum):
    """In ascending order; each may do what the ones before it may."""

    contributor = "contributor"  # drafts and proposes
    curator = "curator"  # reviews, publishes, decides, imports
    admin = "admin"  # accounts, keys, removal of documents

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: "Role") -> bool:
        return self.rank >= other.rank


ANYBODY = None
POLICY: dict[str, Role | None] = {
    # Reading what is public
    "read_index": ANYBODY,
    "read_problem": ANYBODY,
    "read_liveness": ANYBODY,
    "read_readiness": ANYBODY,
    "read_version": ANYBODY,
    "read_docs": ANYBODY,
    "read_openapi": ANYBODY,
    "read_vocabulary": ANYBODY,
    "read_conditions": ANYBODY,
    "read_condition": ANYBODY,
    "read_matrix": ANYBODY,
    "read_agreement": ANYBODY,
    "read_claims": ANYBODY,
    "search_claims": ANYBODY,
    "export_claims": ANYBODY,
    "read_claim": ANYBODY,
    "read_claim_version": ANYBODY,
    "read_claim_revisions": ANYBODY,
    "read_citations": ANYBODY,
    "read_conflicts": ANYBODY,
    "read_conflict": ANYBODY,
    "read_conflict_revisions": ANYBODY,
    "read_documents": ANYBODY,
    "read_document": ANYBODY,
    "read_document_revisions": ANYBODY,
    "read_concepts": ANYBODY,
    "read_concept": ANYBODY,
    "read_concept_revisions": ANYBODY,
    "read_condition_revisions": ANYBODY,
    "read_changes": ANYBODY,
    # Claims
    "add_claim": Role.contributor,
    "change_claim": Role.contributor,
    "submit_claim": Role.contributor,
    "publish_claim": Role.curator,
    "reject_claim": Role.curator,
    "retract_claim": Role.curator,
    "restore_claim": Role.curator,
    "remove_claim": Role.contributor,
    "merge_claim_into": Role.curator,
    "add_citation": Role.contributor,
    "change_citation": Role.contributor,
    "remove_citation": Role.contributor,
    # Review
    "read_queue": Role.contributor,
    "read_queue_items": Role.contributor,
    "read_proposals": Role.contributor,
    "read_proposal": Role.contributor,
    "accept_one_proposal": Role.curator,
    "decline_one_proposal": Role.curator,
    "withdraw_own_proposal": Role.contributor,
    "decide_on_conflict": Role.curator,
    "assert_missed_conflict": Role.curator,
    # What claims refer to
    "create_condition": Role.curator,
    "edit_condition": Role.curator,
    "create_concept": Role.contributor,
    "edit_concept": Role.curator,
    "merge_concept": Role.curator,
    "create_document": Role.contributor,
    "edit_document": Role.curator,
    "change_document_status": Role.curator,
    "replace_document_text": Role.curator,
    "read_document_text": Role.contributor,
    "merge_document": Role.curator,
    "delete_document": Role.admin,
    # Bulk
    "create_import": Role.curator,
    "read_imports": Role.curator,
    "read_import": Role.curator,
    # Accounts
    "read_own_account": Role.contributor,
    "read_accounts": Role.admin,
    "add_account": Role.admin,
    "read_metrics": Role.admin,  # anybody, where CLAIMBASE_METRICS_PUBLIC says so
    "change_account": Role.admin,
    "add_key": Role.admin,
    "revoke_one_key": Role.admin,
}
