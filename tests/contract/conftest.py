"""The seeded service without describing itself anew for every test."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.db import Sessions
from tests.api.operations import make_app


@pytest.fixture
def milia(milia_sessions: Sessions) -> Iterator[TestClient]:
    """A client of the base with the seed."""
    with TestClient(make_app(milia_sessions), follow_redirects=False) as client:
        yield client
