"""The application as tests have it: described once, because that takes longer than most tests."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from app.config import Settings
from app.db import Sessions
from app.main import create_app


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return create_app(Settings(database_url="sqlite://")).openapi()


def make_app(sessions: Sessions, **settings: Any) -> FastAPI:
    app = create_app(Settings(**settings), sessions=sessions)
    app.openapi_schema = document()
    return app
