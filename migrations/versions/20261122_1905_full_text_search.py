"""full-text search

The tables are no models: each database has its own, and the words in them are made by
``app.search_text``. They are made empty; the next start fills them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "5b0c6d1f7a24"
down_revision = "af91e38a2762"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        # `ascii` splits at spaces and takes every letter as it is; `=` marks stems, `_` breaks.
        op.execute(
            "CREATE VIRTUAL TABLE fts_claims USING fts5("
            "statement, labels, quotes, tokenize = \"ascii tokenchars '=_'\")",
        )
        return
    op.create_table(
        "fts_claims",
        sa.Column(
            "claim_id",
            sa.BigInteger(),
            sa.ForeignKey("claims.id", name="fk_fts_claims_claim_id", ondelete="CASCADE"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("document", TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("claim_id", name="pk_fts_claims"),
    )
    op.create_index(
        "fts_claims_document",
        "fts_claims",
        ["document"],
        postgresql_using="gin",
    )


def downgrade() -> None:
    op.drop_table("fts_claims")
