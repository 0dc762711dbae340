"""touched conditions: on PostgreSQL triggers note which conditions a transaction changed"""

import sqlalchemy as sa
from alembic import op

revision = "c83f5d60b1e9"
down_revision = "a41d7e92c058"
branch_labels = None
depends_on = None

TOUCH = (
    "INSERT INTO touched_conditions (written_by, condition_id)"
    " SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint), touched.condition_id"
    " FROM ({conditions}) AS touched ON CONFLICT DO NOTHING;"
)
OWN = "SELECT condition_id FROM {rows}"
OF_CLAIM = "SELECT condition_id FROM claims WHERE id IN (SELECT claim_id FROM {rows})"
OF_CONFLICT = "SELECT condition_id FROM conflicts WHERE id IN (SELECT conflict_id FROM {rows})"
OF_WRITTEN = (
    "SELECT claims.condition_id FROM claims JOIN {rows} ON claims.id = claim_id"
    " WHERE body IS NOT NULL"
)
ELSE = "SELECT 0 AS condition_id WHERE EXISTS (SELECT 1 FROM {rows})"
COME, CHANGED, GONE = "INSERT", "UPDATE", "DELETE"
ANY = (COME, CHANGED, GONE)
# What happens to a table, and the conditions that its rows are about: as condition_stamps has it.
TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "claims": (ANY, OWN),
    "citations": (ANY, OF_CLAIM),
    "conflicts": (ANY, OWN),
    "conflict_claims": (ANY, f"{OF_CONFLICT} UNION {OF_CLAIM}"),
    "written_claims": ((CHANGED,), OF_WRITTEN),
    "concepts": ((CHANGED, GONE), ELSE),
    "documents": ((CHANGED, GONE), ELSE),
    "passages": (ANY, ELSE),
    "conditions": (ANY, ELSE),
    "condition_aliases": (ANY, ELSE),
    "condition_xrefs": (ANY, ELSE),
}
SEEN_AS = {
    COME: "NEW TABLE AS come",
    CHANGED: "OLD TABLE AS gone NEW TABLE AS come",
    GONE: "OLD TABLE AS gone",
}

FUNCTION = """
CREATE FUNCTION touched_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {come}
    ELSIF TG_OP = 'DELETE' THEN
        {gone}
    ELSE
        {either}
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER touched_{table}_truncate AFTER TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION touched_by_truncation();
"""
TRIGGER = """
CREATE TRIGGER touched_{table}_{name} AFTER {event} ON {table} REFERENCING {seen_as}
    FOR EACH STATEMENT EXECUTE FUNCTION touched_{table}();
"""


def upgrade() -> None:
    op.create_table(
        "touched_conditions",
        sa.Column("written_by", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "condition_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("written_by", "condition_id", name=op.f("pk_touched_conditions")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "CREATE FUNCTION touched_by_truncation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {TOUCH.format(conditions='SELECT 0 AS condition_id')} RETURN NULL; END $$",
    )
    for table, (events, conditions) in TABLES.items():
        come, gone = conditions.format(rows="come"), conditions.format(rows="gone")
        made = FUNCTION.format(
            table=table,
            come=TOUCH.format(conditions=come),
            gone=TOUCH.format(conditions=gone),
            # What was taken away from a claim or a condition is about the former one, too.
            either=TOUCH.format(conditions=f"{come} UNION {gone}"),
        )
        for event in events:
            seen_as = SEEN_AS[event]
            made += TRIGGER.format(table=table, name=event.lower(), event=event, seen_as=seen_as)
        op.execute(made)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for function in ("by_truncation", *TABLES):
            op.execute(f"DROP FUNCTION touched_{function}() CASCADE")
    op.drop_table("touched_conditions")
