"""What an export of the whole base is made of; all else can be computed from it."""

from collections import Counter
from typing import cast

from sqlalchemy import Table

from app.models import (
    Account,
    ApiKey,
    Change,
    DocumentText,
    Import,
    Proposal,
    Revision,
    SeedLoad,
    SeedRecord,
)

FORMAT = "claimbase-base/1"
# What a line of each kind is a row of; revisions follow their change.
TABLES: dict[str, Table] = {
    kind: cast("Table", model.__table__)
    for kind, model in {
        "account": Account,
        "key": ApiKey,
        "text": DocumentText,
        "change": Change,
        "revision": Revision,
        "proposal": Proposal,
        "seed_record": SeedRecord,
        "seed_load": SeedLoad,
        "import": Import,
    }.items()
}
SECRETS = {"key": {"digest"}}  # a key of another base opens nothing: new ones are made there


def counted(lines: Counter[str]) -> dict[str, int]:
    return {kind: lines[kind] for kind in TABLES}
