"""The application as tests have it: made ready once, because that takes longer than most tests."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount, Route

from app.config import Settings
from app.db import Sessions
from app.main import create_app


@cache
def _described() -> FastAPI:
    """An application whose routes and document are made, as the first request makes them."""
    app = create_app(Settings(database_url="sqlite://"))
    app.openapi()
    return app


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return _described().openapi()


def make_app(sessions: Sessions, **settings: Any) -> FastAPI:
    app = create_app(Settings(**settings), sessions=sessions)
    app.openapi_schema = document()
    app.router.routes[:] = [
        # What routers bring is the same in every application; the rest knows its own.
        own if isinstance(own, Route | Mount) else ready
        for own, ready in zip(app.routes, _described().routes, strict=True)
    ]
    return app
