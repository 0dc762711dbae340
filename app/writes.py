"""A write as an HTTP request: one transaction, one change, one answer, repeatable by its key.

The transaction is committed before the answer starts, so that what is acknowledged is on disk;
a failed one leaves nothing. A dry run goes all the way and is rolled back.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, FastAPI, Header, Query, Request
from pydantic_core import to_json
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.about import EDITED
from app.answers import JSON, tag_of
from app.commands.changes import (
    ChangeDraft,
    edited_conditions,
    finish_change,
    touched_conditions,
)
from app.commands.conflicts import EFFECTS
from app.config import Settings
from app.db import Sessions
from app.errors import (
    BodyTooLargeError,
    ConflictingStateError,
    ForbiddenError,
    InvalidRequestError,
    MalformedRequestError,
    NotFoundError,
    PreconditionRequiredError,
    StaleError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from app.json_parts import Json, json_object
from app.models import IdempotentAnswer
from app.models.base import utc_now
from app.problems import problem_responses
from app.queries.accounts import Actor
from app.queries.requests import KEPT_FOR, find_answer
from app.vocabulary import Vocabulary

Record = dict[str, Any]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the client, once for each write: a repeated request is answered "
        "as the first one was, and does nothing again. Kept for seven days.",
    ),
]
DryRun = Annotated[
    bool,
    Query(description="Check everything, tell which conflicts would change, and write nothing."),
]


class AnsweredBeforeError(Exception):
    """Not a fault: the request was answered before, and is answered the same again."""

    def __init__(self, answer: IdempotentAnswer) -> None:
        super().__init__(answer.key)
        self.answer = answer


class WrittenRecord(NamedTuple):
    """A record that is JSON already, and its version."""

    id: str
    version: int
    content: Json


@dataclass(slots=True)
class Write:
    """What a writing route works with."""

    session: Session
    actor: Actor
    vocabulary: Vocabulary
    settings: Settings
    dry_run: bool
    idempotency_key: str | None
    digest: str
    change: int | None = None  # the number of what was written
    edited: list[int] = field(default_factory=list)  # conditions

    def draft(self, action: str, reason: str) -> ChangeDraft:
        return ChangeDraft("person", self.actor.account, action, reason, self.actor.key_id)

    def answer(
        self,
        draft: ChangeDraft,
        read: Callable[[], Record | WrittenRecord],
        *,
        location: Callable[[Record], str] | None = None,
        status: int = 200,
    ) -> Response:
        """Finish the change and answer with the record that ``read`` gives.

        With ``location`` the record is new: 201, unless ``status`` says otherwise.
        """
        number = self._finish(draft)
        record = read()
        if self.dry_run:
            return _dry(draft, record, is_new=location is not None)
        headers = dict(PRIVATE)
        content, version = _written(record)
        if version is not None:
            headers["ETag"] = f'"{tag_of(content, version)}"'
        if location is not None and isinstance(record, dict):
            headers["Location"] = location(record)
            status = 201 if status == 200 else status  # noqa: PLR2004 - plain HTTP
        if number is not None:
            headers["Claimbase-Change"] = str(number)
        self._remember(status, headers, content)
        return Response(content, status_code=status, headers=headers, media_type=JSON)

    def answer_once(self, draft: ChangeDraft, shown: Record) -> Response:
        """Finish the change and show what is stored nowhere, and so cannot be shown again."""
        self._finish(draft)
        if self.dry_run:
            body = {"dry_run": True, "record": {}, "conflicts": effects(draft)}
            return Response(to_json(body), headers=PRIVATE, media_type=JSON)
        return Response(to_json(shown), status_code=201, headers=PRIVATE, media_type=JSON)

    def _finish(self, draft: ChangeDraft) -> int | None:
        self.change = finish_change(self.session, draft)
        self.edited = edited_conditions(draft)
        return self.change

    def _remember(self, status: int, headers: dict[str, str], content: bytes) -> None:
        if self.idempotency_key is not None:
            remember_answer(
                self.session,
                IdempotentAnswer(
                    account=self.actor.account,
                    key=self.idempotency_key,
                    digest=self.digest,
                    status=status,
                    headers=headers,
                    body=content.decode(),
                ),
            )


def _dry(draft: ChangeDraft, record: Record | WrittenRecord, *, is_new: bool) -> Response:
    shown: Any = record.content if isinstance(record, WrittenRecord) else record
    if is_new and "id" in shown:
        shown = shown | {"id": None}  # it was never given
    body = {"dry_run": True, "record": shown, "conflicts": effects(draft)}
    return Response(json_object(body), headers=PRIVATE, media_type=JSON)


def _written(record: Record | WrittenRecord) -> tuple[bytes, str | None]:
    """The content of an answer, and the version that its tag names."""
    if isinstance(record, WrittenRecord):
        return record.content, f"{record.id}.{record.version}"
    named = "id" in record and "version" in record
    return to_json(record), f"{record['id']}.{record['version']}" if named else None


def remember_answer(session: Session, answer: IdempotentAnswer) -> None:
    """Keep what a request was answered, in the transaction of its change."""
    now = utc_now()
    session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < now - KEPT_FOR))
    answer.created_at = now
    session.add(answer)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictingStateError(
            "A request with this Idempotency-Key was carried out at the same time; "
            "send it again to get its answer.",
        ) from error


PRIVATE = {"Cache-Control": "private, no-store"}


def effects(draft: ChangeDraft) -> dict[str, list[Record]]:
    """The conflicts that the change opens, changes, makes stale or closes."""
    found: dict[str, list[Record]] = {effect: [] for effect in EFFECTS.values()}
    for event in draft.events:
        if event.record_type == "conflict":
            snapshot = event.snapshot
            is_new = event.version == 1
            found[EFFECTS[event.action]].append(
                {
                    "id": None if is_new else snapshot["id"],
                    "key": snapshot["key"],
                    "kind": snapshot["kind"],
                    "severity": snapshot["severity"],
                    "explanation": snapshot["explanation"],
                },
            )
    return found


WRITE_PROBLEMS = problem_responses(
    MalformedRequestError,
    UnauthorizedError,
    ForbiddenError,
    NotFoundError,
    ConflictingStateError,
    StaleError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    InvalidRequestError,
    PreconditionRequiredError,
)


async def _digest(request: Request) -> str:
    """Of the whole request; nothing where it is not to be repeated."""
    digest = hashlib.sha256()
    if "idempotency-key" not in request.headers:
        return ""
    for part in (
        request.method.encode(),
        request.scope["path"].encode(),
        request.scope["query_string"],
        request.headers.get("if-match", "").encode(),
        await request.body(),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _write(
    request: Request,
    digest: Annotated[str, Depends(_digest)],
    *,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Iterator[Write]:
    sessions: Sessions = request.app.state.sessions
    actor: Actor = request.state.actor
    if idempotency_key is not None and not dry_run:
        answer_again(sessions, actor, idempotency_key, digest)
    with sessions.write() as session, session.begin() as transaction:
        write = Write(
            session=session,
            actor=actor,
            vocabulary=request.app.state.vocabulary,
            settings=request.app.state.settings,
            dry_run=dry_run,
            idempotency_key=idempotency_key,
            digest=digest,
        )
        yield write
        if dry_run:
            transaction.rollback()
    if not dry_run:
        touched = touched_conditions(session)
        request.app.state.freshness.note_own_commit(write.change, touched)
        request.state[EDITED] = write.edited


def answer_again(sessions: Sessions, actor: Actor, key: str, digest: str) -> None:
    """Raise AnsweredBeforeError if this very request was answered before."""
    with sessions.read() as session:
        known = find_answer(session, actor.account, key)
    if known is None:
        return
    if known.digest != digest:
        raise InvalidRequestError(
            "This Idempotency-Key was used for another request: choose a new one.",
            errors=[
                {
                    "in": "header",
                    "parameter": "Idempotency-Key",
                    "code": "used_before",
                    "detail": "The key belongs to a request with another address or body.",
                },
            ],
        )
    raise AnsweredBeforeError(known)


# "function": the commit comes before the answer starts, not after it was sent.
WriteSession = Annotated[Write, Depends(_write, scope="function")]


def install_replays(app: FastAPI) -> None:
    async def replay(_request: Request, error: Exception) -> Response:
        assert isinstance(error, AnsweredBeforeError)
        known = error.answer
        headers = {**known.headers, "Idempotency-Replayed": "true"}
        return Response(known.body, status_code=known.status, headers=headers, media_type=JSON)

    app.add_exception_handler(AnsweredBeforeError, replay)
