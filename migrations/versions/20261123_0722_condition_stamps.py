"""condition stamps: on SQLite triggers note which condition a change is about

A later migration that makes one of these tables anew on SQLite (a batch with ``recreate``)
drops its triggers with it and has to make them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "a41d7e92c058"
down_revision = "5c1be0a9f374"
branch_labels = None
depends_on = None

# Drawn and not counted: a base that was restored never comes to a number that it had in another
# history. The parser needs a ``WHERE`` before this ``ON``.
DRAW = (
    "INSERT INTO condition_stamps (condition_id, stamp) {conditions}"
    " ON CONFLICT (condition_id) DO UPDATE SET stamp = excluded.stamp;"
)
ELSE = "SELECT 0, random() WHERE true"
NEW = "SELECT NEW.condition_id, random() WHERE true"
OLD = "SELECT OLD.condition_id, random() WHERE true"
FORMER = "SELECT OLD.condition_id, random() WHERE OLD.condition_id <> NEW.condition_id"
OF_CLAIM = "SELECT condition_id, random() FROM claims WHERE id"
OF_CONFLICT = "SELECT condition_id, random() FROM conflicts WHERE id"
# What ``INSERT OR REPLACE`` throws out: no other trigger tells of it.
SAME = "id = NEW.id OR key = NEW.key"
SAME_CITATION = "SELECT claim_id FROM citations WHERE id = NEW.id"
# Table, what happens to it, and the conditions that it is about.
TRIGGERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "claim": ("claims", "AFTER INSERT", (NEW,)),
    "claim_changed": ("claims", "AFTER UPDATE", (NEW, FORMER)),
    "claim_gone": ("claims", "AFTER DELETE", (OLD,)),
    "claim_replaced": (
        "claims",
        "BEFORE INSERT",
        (f"SELECT condition_id, random() FROM claims WHERE {SAME}",),
    ),
    "cited": ("citations", "AFTER INSERT", (f"{OF_CLAIM} = NEW.claim_id",)),
    "recited": ("citations", "AFTER UPDATE", (f"{OF_CLAIM} IN (OLD.claim_id, NEW.claim_id)",)),
    "uncited": ("citations", "AFTER DELETE", (f"{OF_CLAIM} = OLD.claim_id",)),
    "citation_replaced": ("citations", "BEFORE INSERT", (f"{OF_CLAIM} IN ({SAME_CITATION})",)),
    "conflict": ("conflicts", "AFTER INSERT", (NEW,)),
    "conflict_changed": ("conflicts", "AFTER UPDATE", (NEW, FORMER)),
    "conflict_gone": ("conflicts", "AFTER DELETE", (OLD,)),
    "conflict_replaced": (
        "conflicts",
        "BEFORE INSERT",
        (f"SELECT condition_id, random() FROM conflicts WHERE {SAME}",),
    ),
    "side": (
        "conflict_claims",
        "AFTER INSERT",
        (f"{OF_CONFLICT} = NEW.conflict_id", f"{OF_CLAIM} = NEW.claim_id"),
    ),
    "side_changed": (
        "conflict_claims",
        "AFTER UPDATE",
        (
            f"{OF_CONFLICT} IN (OLD.conflict_id, NEW.conflict_id)",
            f"{OF_CLAIM} IN (OLD.claim_id, NEW.claim_id)",
        ),
    ),
    "side_gone": (
        "conflict_claims",
        "AFTER DELETE",
        (f"{OF_CONFLICT} = OLD.conflict_id", f"{OF_CLAIM} = OLD.claim_id"),
    ),
    "written": (
        "written_claims",
        "AFTER UPDATE",
        (f"{OF_CLAIM} IN (OLD.claim_id, NEW.claim_id) AND NEW.body IS NOT NULL",),
    ),
    "concept_changed": ("concepts", "AFTER UPDATE", (ELSE,)),
    "concept_gone": ("concepts", "AFTER DELETE", (ELSE,)),
    "concept_replaced": (
        "concepts",
        "BEFORE INSERT",
        (f"SELECT 0, random() FROM concepts WHERE {SAME}",),
    ),
    "document_changed": ("documents", "AFTER UPDATE", (ELSE,)),
    "document_gone": ("documents", "AFTER DELETE", (ELSE,)),
    "document_replaced": (
        "documents",
        "BEFORE INSERT",
        (f"SELECT 0, random() FROM documents WHERE {SAME}",),
    ),
    # A page has all passages of the documents that its claims cite, also a new one.
    **{
        f"{table}_{event.lower()}": (table, f"AFTER {event}", (ELSE,))
        for table in ("passages", "conditions", "condition_aliases", "condition_xrefs")
        for event in ("INSERT", "UPDATE", "DELETE")
    },
}


def upgrade() -> None:
    op.create_table(
        "condition_stamps",
        sa.Column(
            "condition_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("condition_id", name=op.f("pk_condition_stamps")),
    )
    if op.get_bind().dialect.name == "postgresql":
        return
    op.execute(DRAW.format(conditions=ELSE))
    for name, (table, event, conditions) in TRIGGERS.items():
        drawn = " ".join(DRAW.format(conditions=one) for one in conditions)
        op.execute(
            f"CREATE TRIGGER condition_stamps_{name} {event} ON {table} FOR EACH ROW"
            f" BEGIN {drawn} END",
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER condition_stamps_{name}")
    op.drop_table("condition_stamps")
