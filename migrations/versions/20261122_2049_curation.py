"""curation: accounts, keys, proposals, decisions, merged records, chained changes"""

import hashlib
import json
from datetime import UTC
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "36963b5e4b73"
down_revision = "5b0c6d1f7a24"
branch_labels = None
depends_on = None

REFERENCES = (
    ("claims", "replaced_by_id"),
    ("documents", "replaced_by_id"),
    ("concepts", "merged_into_id"),
)
CHANGES = sa.table(
    "changes",
    sa.column("number", sa.BigInteger()),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("origin", sa.String()),
    sa.column("actor", sa.String()),
    sa.column("action", sa.String()),
    sa.column("reason", sa.Text()),
    sa.column("digest", sa.String()),
)
REVISIONS = sa.table(
    "revisions",
    sa.column("event", sa.Integer()),
    sa.column("change", sa.BigInteger()),
    sa.column("record_type", sa.String()),
    sa.column("record_id", sa.BigInteger()),
    sa.column("version", sa.Integer()),
    sa.column("condition_id", sa.BigInteger()),
    sa.column("action", sa.String()),
    sa.column("snapshot", sa.JSON()),
)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "name",
            sa.String(length=80).with_variant(sa.String(length=80, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
    )
    op.create_table(
        "idempotent_answers",
        sa.Column(
            "account",
            sa.String(length=80).with_variant(sa.String(length=80, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_idempotent_answers")),
    )
    with op.batch_alter_table("idempotent_answers", schema=None) as batch_op:
        batch_op.create_index("ix_idempotent_answers_created_at", ["created_at"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("key_id", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_id", name=op.f("uq_api_keys_key_id")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_account_id"), ["account_id"], unique=False)

    op.create_table(
        "imports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "account",
            sa.String(length=80).with_variant(sa.String(length=80, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("change", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["change"], ["changes.number"], name=op.f("fk_imports_change")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("claim_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column(
            "author",
            sa.String(length=80).with_variant(sa.String(length=80, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("patch", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"], name=op.f("fk_proposals_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    with op.batch_alter_table("proposals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_proposals_claim_id"), ["claim_id"], unique=False)
        batch_op.create_index("ix_proposals_status", ["status", "id"], unique=False)

    op.add_column("changes", sa.Column("key_id", sa.String(length=10), nullable=True))
    op.add_column(
        "changes",
        sa.Column("digest", sa.String(length=64), server_default=sa.text("''"), nullable=False),
    )
    op.add_column("conflicts", sa.Column("decision", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "conflicts",
        sa.Column("decision_status", sa.String(length=8), server_default="none", nullable=False),
    )
    op.create_index("ix_conflicts_decision_status", "conflicts", ["decision_status"])
    for table, column in REFERENCES:
        # By hand: a batch would make the table anew, and dropping the old one deletes, by
        # cascade, all that refers to it.
        kind = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} {kind} "
            f"CONSTRAINT fk_{table}_{column} REFERENCES {table} (id)",
        )
    for table in ("claims", "documents"):
        op.add_column(
            table,
            sa.Column("merged", sa.Boolean(), server_default=sa.false(), nullable=False),
        )
    op.create_table(
        "document_texts",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document_texts")),
    )
    op.add_column(
        "documents",
        sa.Column("text_held", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.drop_column("documents", "text")  # nothing ever wrote it
    chain_changes(op.get_bind())


def downgrade() -> None:
    op.add_column("documents", sa.Column("text", sa.Text(), nullable=True))
    op.drop_column("documents", "text_held")
    op.drop_table("document_texts")
    for table in ("claims", "documents"):
        op.drop_column(table, "merged")
    for table, column in REFERENCES:
        op.drop_column(table, column)
    op.drop_index("ix_conflicts_decision_status", "conflicts")
    op.drop_column("conflicts", "decision_status")
    op.drop_column("conflicts", "decision")
    op.drop_column("changes", "digest")
    op.drop_column("changes", "key_id")
    for table in ("proposals", "imports", "api_keys", "idempotent_answers", "accounts"):
        op.drop_table(table)


def chain_changes(connection: sa.Connection) -> None:
    """Give the changes that are there already their digests (today's app.queries.chain)."""
    previous = "0" * 64
    changes = connection.execute(sa.select(CHANGES).order_by(CHANGES.c.number)).all()
    for change in changes:
        at = change.at.replace(tzinfo=UTC) if change.at.tzinfo is None else change.at
        content = {
            "number": change.number,
            "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "origin": change.origin,
            "actor": change.actor,
            "key_id": None,
            "action": change.action,
            "reason": change.reason,
        }
        digest = hashlib.sha256(previous.encode())
        digest.update(canonical(content))
        events = sa.select(REVISIONS).where(REVISIONS.c.change == change.number)
        for event in connection.execute(events.order_by(REVISIONS.c.event)).mappings():
            parts = {name: value for name, value in event.items() if name != "change"}
            digest.update(b"\n" + canonical(parts))
        previous = digest.hexdigest()
        connection.execute(
            sa.update(CHANGES).where(CHANGES.c.number == change.number).values(digest=previous),
        )


def canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()
