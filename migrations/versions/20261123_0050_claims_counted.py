"""claims counted: indexes of published claims, counts of them kept by triggers

A later migration that makes the table of claims anew on SQLite (a batch with ``recreate``)
drops its triggers with it and has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "8d2f60b7c915"
down_revision = "36963b5e4b73"
branch_labels = None
depends_on = None

PUBLIC = (
    ("type", "conflict"),
    ("type",),
    ("question",),
    ("condition_id", "type", "conflict"),
    ("conflict",),
    ("severity",),
    ("created_at",),
    ("updated_at",),
    ("passage_count",),
    ("document_count",),
)
SCOPE = ("population_id", "sex_id", "severity_id", "subtype_id", "body_site_id", "period_id")
VALUES = ("type", "question", "polarity", "severity")
COLUMNS = ", ".join(VALUES)

SAME = " AND ".join(f"claim_counts.{name} = {{row}}.{name}" for name in VALUES)
OF_ROW = ", ".join(f"{{row}}.{name}" for name in VALUES)
# One row for each combination: there is only one writer at a time.
COUNT_IN_SQLITE = (
    f"INSERT INTO claim_counts ({COLUMNS}, number) SELECT {OF_ROW}, 0"
    f" WHERE NOT EXISTS (SELECT 1 FROM claim_counts WHERE {SAME});"
    f" UPDATE claim_counts SET number = number {{step}} WHERE {SAME};"
)
ADDED = COUNT_IN_SQLITE.format(row="NEW", step="+ (NEW.status = 'published')")
GONE = COUNT_IN_SQLITE.format(row="OLD", step="- (OLD.status = 'published')")
DIFFERS = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("status", *VALUES))
SQLITE = (
    (
        "CREATE TRIGGER claim_counts_added AFTER INSERT ON claims WHEN NEW.status = 'published'"
        f" BEGIN {ADDED} END"
    ),
    (
        "CREATE TRIGGER claim_counts_gone AFTER DELETE ON claims WHEN OLD.status = 'published'"
        f" BEGIN {GONE} END"
    ),
    (
        f"CREATE TRIGGER claim_counts_changed AFTER UPDATE OF status, {COLUMNS} ON claims"
        f" WHEN (OLD.status = 'published' OR NEW.status = 'published') AND ({DIFFERS})"
        f" BEGIN {GONE} {ADDED} END"
    ),
)

DIFFERENCE = (
    f"INSERT INTO claim_counts ({COLUMNS}, number)"
    f" SELECT {COLUMNS}, sum(step) FROM ({{rows}}) AS rows"
    f" GROUP BY {COLUMNS} HAVING sum(step) <> 0;"
)
ROWS_ADDED = f"SELECT {COLUMNS}, 1 AS step FROM added WHERE status = 'published'"
ROWS_GONE = f"SELECT {COLUMNS}, -1 AS step FROM gone WHERE status = 'published'"
# For each statement, not for each row; rows are added, so that writers do not wait here.
POSTGRESQL_FUNCTION = f"""
CREATE FUNCTION claim_counts_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {DIFFERENCE.format(rows=ROWS_ADDED)}
    ELSIF TG_OP = 'DELETE' THEN
        {DIFFERENCE.format(rows=ROWS_GONE)}
    ELSE
        {DIFFERENCE.format(rows=f"{ROWS_ADDED} UNION ALL {ROWS_GONE}")}
    END IF;
    RETURN NULL;
END
$$
"""
POSTGRESQL = (
    (
        "CREATE TRIGGER claim_counts_added AFTER INSERT ON claims"
        " REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION claim_counts_note()"
    ),
    (
        "CREATE TRIGGER claim_counts_gone AFTER DELETE ON claims"
        " REFERENCING OLD TABLE AS gone"
        " FOR EACH STATEMENT EXECUTE FUNCTION claim_counts_note()"
    ),
    (
        "CREATE TRIGGER claim_counts_changed AFTER UPDATE ON claims"
        " REFERENCING OLD TABLE AS gone NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION claim_counts_note()"
    ),
)
TRIGGERS = ("claim_counts_added", "claim_counts_gone", "claim_counts_changed")


def upgrade() -> None:
    op.drop_index("ix_claims_status_type_conflict", table_name="claims")
    op.drop_index("ix_claims_question", table_name="claims")
    for columns in PUBLIC:
        _index(f"ix_claims_public_{'_'.join(columns)}", [*columns, "id"], "status = 'published'")
    _index("ix_claims_unpublished", ["status", "id"], "status <> 'published'")
    for column in SCOPE:
        _index(f"ix_claims_{column}", [column], f"{column} IS NOT NULL")
    op.create_table(
        "claim_counts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("question", sa.String(length=80), nullable=False),
        sa.Column("polarity", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_counts")),
    )
    op.create_index("ix_claim_counts_values", "claim_counts", list(VALUES))
    op.execute(
        f"INSERT INTO claim_counts ({COLUMNS}, number) SELECT {COLUMNS}, count(*)"
        f" FROM claims WHERE status = 'published' GROUP BY {COLUMNS}",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL_FUNCTION)
        statements = POSTGRESQL
    else:
        statements = SQLITE
    for statement in statements:
        op.execute(statement)


def _index(name: str, columns: list[str], where: str) -> None:
    clause = sa.text(where)
    op.create_index(name, "claims", columns, sqlite_where=clause, postgresql_where=clause)


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name}{' ON claims' if is_postgresql else ''}")
    if is_postgresql:
        op.execute("DROP FUNCTION claim_counts_note()")
    op.drop_index("ix_claim_counts_values", table_name="claim_counts")
    op.drop_table("claim_counts")
    for column in SCOPE:
        op.drop_index(f"ix_claims_{column}", table_name="claims")
    op.drop_index("ix_claims_unpublished", table_name="claims")
    for columns in PUBLIC:
        op.drop_index(f"ix_claims_public_{'_'.join(columns)}", table_name="claims")
    op.create_index("ix_claims_question", "claims", ["question"])
    op.create_index(
        "ix_claims_status_type_conflict", "claims", ["status", "type", "conflict", "id"]
    )
