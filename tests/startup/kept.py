"""A service in this process that answers from memory, and another program with the same base."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.config import Settings
from app.db import make_engine
from app.main import create_app
from tests.apps import document
from tests.databases import SERVER

PATIENCE = 20


def make_service(url: str) -> FastAPI:
    app = create_app(Settings(database_url=url))
    app.openapi_schema = document()
    return app


@contextmanager
def asking(app: FastAPI, **options: Any) -> Iterator[TestClient]:
    """Once it answers from memory; ``options`` are those of the client."""
    with TestClient(app, **options) as client:
        give_up_at = time.monotonic() + PATIENCE
        while app.state.freshness.stamp() is None:  # the listener of PostgreSQL connects
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        yield client
    app.state.sessions.read.kw["bind"].dispose()


@contextmanager
def other_program(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    yield engine
    engine.dispose()


def eventually(answers: Callable[[], bool]) -> None:
    """At once on SQLite; on PostgreSQL other programs' writes are seen within two seconds."""
    give_up_at = time.monotonic() + (10 if SERVER else 0)
    while not answers():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
