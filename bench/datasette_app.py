"""Datasette over a base, on our server; CLAIMBASE_BENCH_FILE names the file. In .venv-bench."""

import os

from datasette.app import Datasette

# Its limits would end slow answers early and count them as fast ones.
LIMITS = {"sql_time_limit_ms": 60_000, "facet_time_limit_ms": 60_000, "num_sql_threads": 3}

app = Datasette([os.environ["CLAIMBASE_BENCH_FILE"]], settings=LIMITS).app()
