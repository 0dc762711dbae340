"""claims written out: their records as JSON, forgotten by triggers when something changes

A later migration that makes one of these tables anew on SQLite (a batch with ``recreate``)
drops its triggers with it and has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "5c1be0a9f374"
down_revision = "8d2f60b7c915"
branch_labels = None
depends_on = None

SCOPE = ("population_id", "sex_id", "severity_id", "subtype_id", "body_site_id", "period_id")
# All that the record of a claim has of its row; flags and counts are not in it.
OF_CLAIM = (
    "id",
    "key",
    "version",
    "status",
    "condition_id",
    "type",
    "question",
    "statement",
    "subject_id",
    "concept_id",
    "quantity_low",
    "quantity_high",
    "quantity_unit",
    "quantity_as_said",
    "words",
    "polarity",
    *SCOPE,
    "age_low",
    "age_high",
    "replaced_by_id",
    "merged",
    "created_at",
    "updated_at",
)
NAMED_BY = " UNION ALL ".join(
    f"SELECT id FROM claims WHERE {column} = NEW.id"
    for column in ("concept_id", "subject_id", *SCOPE)
)
CITED = (
    "SELECT claim_id FROM citations JOIN passages ON passages.id = citations.passage_id"
    " WHERE passages.document_id = NEW.id"
)
# Table, what happens to it, and the claims that it is about.
TRIGGERS = {
    "claim": ("claims", f"UPDATE OF {', '.join(OF_CLAIM)}", "NEW.id"),
    "cited": ("citations", "INSERT", "NEW.claim_id"),
    "recited": ("citations", "UPDATE", "OLD.claim_id, NEW.claim_id"),
    "uncited": ("citations", "DELETE", "OLD.claim_id"),
    "concept": ("concepts", "UPDATE OF key, label", NAMED_BY),
    "condition": (
        "conditions",
        "UPDATE OF slug, name",
        "SELECT id FROM claims WHERE condition_id = NEW.id",
    ),
    "document": ("documents", "UPDATE OF key", CITED),
    "passage": (
        "passages",
        "UPDATE OF key, heading, document_id",
        "SELECT claim_id FROM citations WHERE passage_id = NEW.id",
    ),
}
# On SQLite what ``REPLACE`` throws out, of which no other trigger tells: table, and the claims.
REPLACED = {
    "claim": ("claims", "NEW.id"),
    "citation": ("citations", "SELECT claim_id FROM citations WHERE id = NEW.id"),
    "concept": ("concepts", NAMED_BY),
    "condition": ("conditions", "SELECT id FROM claims WHERE condition_id = NEW.id"),
    "document": ("documents", CITED),
    "passage": ("passages", "SELECT claim_id FROM citations WHERE passage_id = NEW.id"),
}
FORGET = "UPDATE written_claims SET body = NULL WHERE body IS NOT NULL AND claim_id IN ({claims});"
FUNCTION = """
CREATE FUNCTION written_claims_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {forget}
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "written_claims",
        sa.Column(
            "claim_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("body", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["claim_id"],
            ["claims.id"],
            name=op.f("fk_written_claims_claim_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_written_claims")),
    )
    forgotten = sa.text("body IS NULL")
    op.create_index(
        "ix_written_claims_forgotten",
        "written_claims",
        ["claim_id"],
        sqlite_where=forgotten,
        postgresql_where=forgotten,
    )
    op.execute("INSERT INTO written_claims (claim_id) SELECT id FROM claims")
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, (table, event, claims) in TRIGGERS.items():
        forget = FORGET.format(claims=claims)
        begun = f"CREATE TRIGGER written_claims_{name} AFTER {event} ON {table} FOR EACH ROW"
        if is_postgresql:
            op.execute(FUNCTION.format(name=name, forget=forget))
            op.execute(f"{begun} EXECUTE FUNCTION written_claims_{name}()")
        else:
            op.execute(f"{begun} BEGIN {forget} END")
    if not is_postgresql:
        # A program that does not ask for foreign keys deletes the claim alone.
        op.execute(
            "CREATE TRIGGER written_claims_gone AFTER DELETE ON claims FOR EACH ROW"
            " BEGIN DELETE FROM written_claims WHERE claim_id = OLD.id; END",
        )
        for name, (table, claims) in REPLACED.items():
            op.execute(
                f"CREATE TRIGGER written_claims_{name}_replaced BEFORE INSERT ON {table}"
                f" FOR EACH ROW WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"
                f" BEGIN {FORGET.format(claims=claims)} END",
            )


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, (table, _, _) in TRIGGERS.items():
        if is_postgresql:
            op.execute(f"DROP TRIGGER written_claims_{name} ON {table}")
            op.execute(f"DROP FUNCTION written_claims_{name}()")
        else:
            op.execute(f"DROP TRIGGER written_claims_{name}")
    if not is_postgresql:
        for name in ("gone", *(f"{name}_replaced" for name in REPLACED)):
            op.execute(f"DROP TRIGGER written_claims_{name}")
    op.drop_index("ix_written_claims_forgotten", table_name="written_claims")
    op.drop_table("written_claims")
