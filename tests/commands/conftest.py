from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.db import make_engine
from tests.databases import migrated_database


@pytest.fixture
def fresh_engine(tmp_path: Path) -> Iterator[Engine]:
    """A migrated base without anything in it, for this test alone."""
    engine = make_engine(migrated_database("fresh", tmp_path))
    yield engine
    engine.dispose()
