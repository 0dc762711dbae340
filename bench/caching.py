"""Claimbase for ``bench.while_others_edit``: where BENCH_EMPTIED is set, every commit empties the
whole cache, as it was before decision 0029."""

import os

from app.freshness import PostgresqlFreshness, SqliteFreshness
from app.main import create_app

if os.environ.get("BENCH_EMPTIED"):
    SqliteFreshness.knows_conditions = PostgresqlFreshness.knows_conditions = False
app = create_app()
