"""Bulk imports: many records in one request, all of them or none."""

import hashlib
import tempfile
from typing import Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic_core import to_json
from starlette.responses import Response

from app.answers import JSON, answer, answer_page, page_at
from app.bulk import Importer, InTurns, enough_disk, run_import
from app.deps import CurrentVocabulary, ReadSession
from app.errors import (
    BodyTooLargeError,
    ConflictingStateError,
    ForbiddenError,
    ImportRefusedError,
    InvalidCursorError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from app.models import IdempotentAnswer
from app.problems import problem_responses
from app.queries.accounts import Actor
from app.queries.imports import get_import, list_imports
from app.schemas.imports import ImportList, ImportOut
from app.schemas.shared import PageIn
from app.vocabulary import Vocabulary
from app.writes import PRIVATE, DryRun, IdempotencyKey, answer_again, remember_answer

router = APIRouter(prefix="/imports", tags=["curation"])
ImportId = Annotated[str, Path(max_length=40, examples=["IMP1"])]
READ_PROBLEMS = problem_responses(UnauthorizedError, ForbiddenError, InvalidRequestError)
LINES = ("application/jsonl", "application/x-ndjson")
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "JSON Lines: one concept, condition, document or claim a line.",
        "content": {kind: {"schema": {"type": "string"}} for kind in LINES},
    },
}


@router.post(
    "",
    status_code=201,
    response_model=ImportOut,
    responses={
        200: {"model": ImportOut, "description": "A dry run: nothing was written."},
        **problem_responses(
            UnauthorizedError,
            ForbiddenError,
            ConflictingStateError,
            BodyTooLargeError,
            UnsupportedMediaTypeError,
            ImportRefusedError,
            UnavailableError,
        ),
    },
    openapi_extra=BODY,
)
async def create_import(
    request: Request,
    vocabulary: CurrentVocabulary,
    *,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Import JSON Lines of concepts, conditions, documents and claims, in any order.

    All of them or none; lines that repeat what is recorded change nothing. A refusal names
    every line at fault in `faults`, up to a thousand.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in LINES:
        raise UnsupportedMediaTypeError(f"The body has to be {' or '.join(LINES)}.")
    with enough_disk(), cast("BinaryIO", tempfile.TemporaryFile()) as file:
        digest = hashlib.sha256(f"POST /imports?{request.url.query}\n".encode())
        async for part in request.stream():
            digest.update(part)
            file.write(part)
        file.seek(0)
        return await run_in_threadpool(
            _import,
            request,
            file,
            vocabulary,
            dry_run=dry_run,
            key=idempotency_key,
            digest=digest.hexdigest(),
        )


def _import(
    request: Request,
    file: BinaryIO,
    vocabulary: Vocabulary,
    *,
    dry_run: bool,
    key: str | None,
    digest: str,
) -> Response:
    sessions = request.app.state.sessions
    actor: Actor = request.state.actor
    if key is not None and not dry_run:
        answer_again(sessions, actor, key, digest)
    turns = InTurns()
    importer = Importer(
        actor.account,
        actor.key_id,
        tell=turns,
        dry_run=dry_run,
        four_eyes=request.app.state.settings.four_eyes,
        remember=lambda session, record: (
            remember_answer(session, _answer_to(actor, key, digest, record)) if key else None
        ),
    )
    with turns:
        record = run_import(sessions, file, vocabulary, importer)
    if dry_run:
        return Response(to_json(record), headers=PRIVATE, media_type=JSON)
    request.app.state.freshness.note_own_commit(record["change"])
    return Response(to_json(record), status_code=201, headers=_headers(record), media_type=JSON)


def _answer_to(actor: Actor, key: str, digest: str, record: dict[str, Any]) -> IdempotentAnswer:
    return IdempotentAnswer(
        account=actor.account,
        key=key,
        digest=digest,
        status=201,
        headers=_headers(record),
        body=to_json(record).decode(),
    )


def _headers(record: dict[str, Any]) -> dict[str, str]:
    headers = {**PRIVATE, "Location": f"/imports/{record['id']}"}
    if record["change"] is not None:
        headers["Claimbase-Change"] = str(record["change"])
    return headers


@router.get(
    "",
    response_model=ImportList,
    responses=READ_PROBLEMS | problem_responses(InvalidCursorError),
)
def read_imports(
    request: Request,
    session: ReadSession,
    query: Annotated[PageIn, Query()],
) -> Response:
    """List the imports that were applied, the last one first."""
    return answer_page(request, list_imports(session, page_at(query)))


@router.get(
    "/{import_id}",
    response_model=ImportOut,
    responses=READ_PROBLEMS | problem_responses(NotFoundError),
)
def read_import(request: Request, session: ReadSession, import_id: ImportId) -> Response:
    """Read what one import did."""
    return answer(request, get_import(session, import_id))
