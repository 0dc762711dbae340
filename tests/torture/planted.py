"""The application with planted faults: ``uvicorn tests.torture.planted:create_app --factory``.

A harness that finds nothing wrong with these finds nothing.
"""

import time
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select, update
from sqlalchemy.orm import Session

import app.commands.claim_edits as commands
import app.routers.claim_edits as routers
from app.commands.versions import stale
from app.config import get_settings
from app.db import make_engine, make_sessions
from app.freshness import PostgresqlFreshness, SqliteFreshness
from app.main import create_app as create_sound_app
from app.models import Claim

sound_edit = commands.edit_claim


def create_app() -> FastAPI:
    """If-Match is compared before the write, not by it."""
    sessions = make_sessions(make_engine(get_settings().database_url))

    def check_then_write(session: Session, draft: Any, edit: Any, patch: Any) -> int | None:
        with sessions.read() as reading:
            version = reading.scalar(select(Claim.version).where(Claim.id == edit.claim_id))
            if version != edit.version:
                raise stale(reading, "claim", edit.claim_id, edit.version)
        time.sleep(0.002)
        return sound_edit(session, draft, edit, patch)

    def take_any_version(
        session: Session, _type: str, model: Any, record_id: int, _expected: int
    ) -> None:
        session.execute(
            update(model)
            .where(model.id == record_id)
            .values(version=model.version + 1)
            .execution_options(synchronize_session=False),
        )

    vars(routers)["edit_claim"] = check_then_write
    vars(commands)["take_version"] = take_any_version
    return create_sound_app()


def create_stale_app() -> FastAPI:
    """With another fault: the cache never asks whether the base changed."""
    for kind in (SqliteFreshness, PostgresqlFreshness):
        setattr(kind, "stamp", lambda _: 1)  # noqa: B010 - a fault, and mypy would say so
    return create_sound_app()
