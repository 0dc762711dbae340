"""The application with planted faults: ``uvicorn tests.torture.planted:create_app --factory``.

A harness that finds nothing wrong with these finds nothing.
"""

import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import app.commands.claim_edits as commands
import app.routers.claim_edits as routers
from app import postgresql, replicas, writes
from app.commands.versions import lock_condition_of, stale
from app.config import get_settings
from app.db import make_engine, make_sessions
from app.freshness import PostgresqlFreshness, SqliteFreshness, Stamp
from app.main import create_app as create_sound_app
from app.models import Claim
from app.replicas import Replica
from app.routers import imports

LINES_OF_A_CHUNK = 2

sound_edit = commands.edit_claim
sound_import = vars(imports)["run_import"]


def create_app() -> FastAPI:
    """If-Match is compared before the write, not by it."""
    sessions = make_sessions(make_engine(get_settings().database_url))

    def check_then_write(session: Session, draft: Any, edit: Any, patch: Any) -> int | None:
        with sessions.read() as reading:
            version = reading.scalar(select(Claim.version).where(Claim.id == edit.claim_id))
            if version != edit.version:
                raise stale(reading, "claim", edit.claim_id, edit.version)
        time.sleep(0.002)
        lock_condition_of(session, edit.claim_id)
        now = session.scalar(select(Claim.version).where(Claim.id == edit.claim_id)) or 0
        return sound_edit(session, draft, replace(edit, version=now), patch)

    vars(routers)["edit_claim"] = check_then_write
    return create_sound_app()


def create_stale_app() -> FastAPI:
    """With another fault: the cache never asks whether the base changed."""
    for kind in (SqliteFreshness, PostgresqlFreshness):
        setattr(kind, "stamp", lambda _: Stamp(0, 1))  # noqa: B010 - a fault, and mypy would say so
    return create_sound_app()


def create_unasked_app() -> FastAPI:
    """With a third: nobody asks a replica how far it has come."""
    setattr(Replica, "is_current", staticmethod(lambda *_: True))  # noqa: B010 - as above
    vars(replicas)["last_number"] = lambda _: 10**15
    return create_sound_app()


def create_chunked_app() -> FastAPI:
    """An import is committed in chunks."""

    def import_chunks(sessions: Any, file: Any, vocabulary: Any, importer: Any) -> Any:
        lines = file.read().splitlines(keepends=True)
        record = None
        for first in range(0, len(lines), LINES_OF_A_CHUNK):
            chunk = b"".join(lines[first : first + LINES_OF_A_CHUNK])
            importer.remember = lambda _session, _record: None
            record = sound_import(sessions, io.BytesIO(chunk), vocabulary, importer)
        return record

    vars(imports)["run_import"] = import_chunks
    return create_sound_app()


def create_untried_app() -> FastAPI:
    """Connections of the pool are handed out without being looked at."""
    vars(postgresql)["look_whether_it_lives"] = lambda *_: None
    return create_sound_app()


def create_hasty_app() -> FastAPI:
    """The answer to a write is sent before its commit."""
    application = create_sound_app()
    answer_hastily(application)
    event.listen(application.state.sessions.write, "before_commit", lambda _: time.sleep(0.02))
    return application


def answer_hastily(application: FastAPI) -> None:
    for context in iter_route_contexts(application.routes):
        for needed in _all_needed(getattr(context, "dependant", None)):
            if needed.call is writes._write:  # noqa: SLF001 - to plant a fault in it
                needed.scope = "request"


class WrongStatus:
    """Around an application: what it answers with 200 at some addresses gets another status."""

    def __init__(self, app: ASGIApp, method: str, address: str, status: int) -> None:
        self._app, self._method, self._status = app, method, status
        self._address = re.compile(address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_met = scope.get("method") == self._method and self._address.fullmatch(scope["path"])

        async def send_wrong(message: Message) -> None:
            if is_met and message.get("status") == HTTPStatus.OK:
                message["status"] = self._status
            await send(message)

        await self._app(scope, receive, send_wrong)


def failing_later_versions(application: ASGIApp) -> ASGIApp:
    """A claim's versions after the first cannot be read."""
    return WrongStatus(application, "GET", r"/claims/CLM\d+\.(?!1$)\d+", 500)


def undocumented_removals(application: ASGIApp) -> ASGIApp:
    """What is removed is answered with a status that the document does not name."""
    return WrongStatus(application, "DELETE", ".*", 203)


def _all_needed(dependant: Any) -> Iterator[Any]:
    for needed in dependant.dependencies if dependant else ():
        yield needed
        yield from _all_needed(needed)
