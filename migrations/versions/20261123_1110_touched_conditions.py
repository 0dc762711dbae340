"""touched conditions: on PostgreSQL triggers note which conditions a transaction changed

On SQLite, whose triggers are those of the migration before, a new condition, a new document, and
the names and external ids of a condition are not about all conditions any more.
"""

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
# The parser of SQLite needs a ``WHERE`` before its ``ON``.
DRAW = (
    "INSERT INTO condition_stamps (condition_id, stamp) {conditions}"
    " ON CONFLICT (condition_id) DO UPDATE SET stamp = excluded.stamp;"
)
ANY_OF_SQLITE = "SELECT 0, random() WHERE true"
NEW = "SELECT NEW.condition_id, random() WHERE true"
OLD = "SELECT OLD.condition_id, random() WHERE true"
# Which of two conditions a name leads to.
CALLED = "SELECT id, random() FROM conditions WHERE slug = NEW.slug"
ALSO_CALLED = "SELECT condition_id, random() FROM condition_aliases WHERE slug = NEW.slug"
# For each row the passages before it are looked through: of a document with many they are not.
CITED = (
    "SELECT 0, random() WHERE 100 = (SELECT count(*) FROM"
    " (SELECT 1 FROM passages WHERE document_id = NEW.document_id LIMIT 100))"
    " OR EXISTS (SELECT 1 FROM passages JOIN citations ON citations.passage_id = passages.id"
    " WHERE passages.document_id = NEW.document_id)"
)
SAME_PASSAGE = "id = NEW.id OR (document_id = NEW.document_id AND key = NEW.key)"
# Instead of those by the same names; ``_replaced``: what ``INSERT OR REPLACE`` throws out.
SQLITE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "passages_insert": ("passages", "AFTER INSERT", (CITED,)),
    "passages_replaced": (
        "passages",
        "BEFORE INSERT",
        (f"SELECT 0, random() FROM passages WHERE {SAME_PASSAGE}",),
    ),
    "conditions_insert": ("conditions", "AFTER INSERT", (ALSO_CALLED,)),
    "conditions_replaced": (
        "conditions",
        "BEFORE INSERT",
        ("SELECT 0, random() FROM conditions WHERE id = NEW.id OR slug = NEW.slug",),
    ),
    "condition_aliases_insert": ("condition_aliases", "AFTER INSERT", (NEW, CALLED)),
    "condition_aliases_replaced": ("condition_aliases", "BEFORE INSERT", (ALSO_CALLED,)),
    "condition_aliases_update": ("condition_aliases", "AFTER UPDATE", (OLD, NEW, CALLED)),
    "condition_aliases_delete": ("condition_aliases", "AFTER DELETE", (OLD,)),
    "condition_xrefs_insert": ("condition_xrefs", "AFTER INSERT", (NEW,)),
    "condition_xrefs_update": ("condition_xrefs", "AFTER UPDATE", (OLD, NEW)),
    "condition_xrefs_delete": ("condition_xrefs", "AFTER DELETE", (OLD,)),
}
# Of PostgreSQL.
OWN = "SELECT condition_id FROM {rows}"
OF_CLAIM = "SELECT condition_id FROM claims WHERE id IN (SELECT claim_id FROM {rows})"
OF_CONFLICT = "SELECT condition_id FROM conflicts WHERE id IN (SELECT conflict_id FROM {rows})"
OF_WRITTEN = (
    "SELECT claims.condition_id FROM claims JOIN {rows} ON claims.id = claim_id"
    " WHERE body IS NOT NULL"
)
ELSE = "SELECT 0 AS condition_id WHERE EXISTS (SELECT 1 FROM {rows})"
OF_ALIAS = "SELECT condition_id FROM condition_aliases WHERE slug IN (SELECT slug FROM {rows})"
OF_NAMED = f"{OWN} UNION SELECT id FROM conditions WHERE slug IN (SELECT slug FROM {{rows}})"
OF_CITED = (
    "SELECT 0 AS condition_id WHERE EXISTS (SELECT 1 FROM passages"
    " JOIN citations ON citations.passage_id = passages.id"
    " WHERE passages.document_id IN (SELECT document_id FROM {rows}))"
)
COME, CHANGED, GONE = "INSERT", "UPDATE", "DELETE"
# What happens to a table, and the conditions that its rows are about: as the triggers of SQLite.
TABLES: dict[str, dict[str, str]] = {
    "claims": dict.fromkeys((COME, CHANGED, GONE), OWN),
    "citations": dict.fromkeys((COME, CHANGED, GONE), OF_CLAIM),
    "conflicts": dict.fromkeys((COME, CHANGED, GONE), OWN),
    "conflict_claims": dict.fromkeys((COME, CHANGED, GONE), f"{OF_CONFLICT} UNION {OF_CLAIM}"),
    "written_claims": {CHANGED: OF_WRITTEN},
    "concepts": dict.fromkeys((CHANGED, GONE), ELSE),
    "documents": dict.fromkeys((CHANGED, GONE), ELSE),
    "passages": {COME: OF_CITED, CHANGED: ELSE, GONE: ELSE},
    "conditions": {COME: OF_ALIAS, CHANGED: ELSE, GONE: ELSE},
    "condition_aliases": dict.fromkeys((COME, CHANGED, GONE), OF_NAMED),
    "condition_xrefs": dict.fromkeys((COME, CHANGED, GONE), OWN),
}
# For an update what was there before counts too: it may be about another condition.
SEEN_AS = {
    COME: ("NEW TABLE AS come", ("come",)),
    CHANGED: ("OLD TABLE AS gone NEW TABLE AS come", ("come", "gone")),
    GONE: ("OLD TABLE AS gone", ("gone",)),
}
BEGUN = """
CREATE FUNCTION touched_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
"""
STEP = "    IF TG_OP = '{event}' THEN {touch} END IF;\n"
ENDED = """
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
    if op.get_bind().dialect.name == "postgresql":
        _note_on_postgresql()
        return
    for name, (table, event, conditions) in SQLITE.items():
        if event != "BEFORE INSERT":  # those are new
            op.execute(f"DROP TRIGGER condition_stamps_{name}")
        drawn = " ".join(DRAW.format(conditions=one) for one in conditions)
        op.execute(
            f"CREATE TRIGGER condition_stamps_{name} {event} ON {table} FOR EACH ROW"
            f" BEGIN {drawn} END",
        )


def _note_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION touched_by_truncation() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" {TOUCH.format(conditions='SELECT 0 AS condition_id')} RETURN NULL; END $$",
    )
    for table, noted in TABLES.items():
        steps, triggers = "", ""
        for event, conditions in noted.items():
            seen_as, seen = SEEN_AS[event]
            touched = " UNION ".join(conditions.format(rows=rows) for rows in seen)
            steps += STEP.format(event=event, touch=TOUCH.format(conditions=touched))
            name = event.lower()
            triggers += TRIGGER.format(table=table, name=name, event=event, seen_as=seen_as)
        begun, ended = BEGUN.format(table=table), ENDED.format(table=table)
        op.execute(begun + steps + ended + triggers)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for function in ("by_truncation", *TABLES):
            op.execute(f"DROP FUNCTION touched_{function}() CASCADE")
    else:
        for name, (table, event, _) in SQLITE.items():
            op.execute(f"DROP TRIGGER condition_stamps_{name}")
            if event != "BEFORE INSERT":
                drawn = DRAW.format(conditions=ANY_OF_SQLITE)
                op.execute(
                    f"CREATE TRIGGER condition_stamps_{name} {event} ON {table} FOR EACH ROW"
                    f" BEGIN {drawn} END",
                )
    op.drop_table("touched_conditions")
