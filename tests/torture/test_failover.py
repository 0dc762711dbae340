"""The small form of a failover: one, of a service in this process, with one who writes."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.config import Settings
from app.main import create_app
from tests.accounts import bearer, key_of
from tests.apps import document
from tests.databases import SERVER
from tests.torture.failover import Cluster
from tests.torture.writers import prepare_small_base

pytestmark = pytest.mark.skipif(SERVER is None, reason="of PostgreSQL")


def drafted(client: TestClient, words: str) -> Any:
    body = {
        "condition": "milia",
        "question": "recommendation.advice",
        "words": words,
        "statement": f"{words}.",
        "reason": "A test.",
        "citations": [{"passage": "leaflet/p1", "locator": "the last line"}],
    }
    return client.post("/claims", json=body)


def test_a_service_that_names_both_servers_goes_on_with_the_standby(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="claimbase-pg-", ignore_cleanup_errors=True)
        cluster = Cluster(Path(stack.enter_context(folder)))
        stack.callback(cluster.close)
        prepare_small_base(cluster.url, tmp_path)
        cluster.follow()
        app = create_app(Settings(database_url=cluster.url))
        app.openapi_schema = document()
        client = stack.enter_context(TestClient(app))
        stack.callback(app.state.sessions.read.kw["bind"].dispose)
        client.headers.update(bearer(key_of(app.state.sessions)))
        before = drafted(client, "Before")

        cluster.primary.kill()
        between = drafted(client, "Between")
        cluster.promote()
        after = drafted(client, "After")
        kept = client.get(before.headers["location"])

    assert (before.status_code, between.status_code, after.status_code) == (201, 503, 201)
    assert between.headers["retry-after"] == "1"
    assert kept.json()["statement"] == "Before."
