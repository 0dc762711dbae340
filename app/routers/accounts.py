"""Accounts and keys: for admins, and one's own for everybody who has one."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from app.answers import answer
from app.bodies import StrictRoute
from app.commands.accounts import create_account, create_key, edit_account, revoke_key
from app.deps import Reader, ReadSession
from app.errors import ForbiddenError, InvalidRequestError, NotFoundError, UnauthorizedError
from app.preconditions import IfMatch
from app.problems import problem_responses
from app.queries.accounts import get_account, list_accounts
from app.queries.records import stamp
from app.schemas.accounts import (
    AccountIn,
    AccountList,
    AccountOut,
    AccountPatch,
    KeyIn,
    NewKeyOut,
    RevocationIn,
)
from app.schemas.claim_edits import DryRunOut
from app.writes import WRITE_PROBLEMS, WriteSession

router = APIRouter(tags=["accounts"], route_class=StrictRoute)
READ_PROBLEMS = problem_responses(
    UnauthorizedError, ForbiddenError, NotFoundError, InvalidRequestError
)
AccountName = Annotated[str, Path(max_length=80, examples=["curator-one"])]


@router.get("/accounts/me", response_model=AccountOut, responses=READ_PROBLEMS)
def read_own_account(request: Request, session: ReadSession, reader: Reader) -> Response:
    """Read the account that the key belongs to."""
    assert reader is not None
    account = get_account(session, reader.account)
    return answer(request, account, version=f"{account['id']}.{account['version']}")


@router.get("/accounts", response_model=AccountList, responses=READ_PROBLEMS)
def read_accounts(request: Request, session: ReadSession) -> Response:
    """List all accounts with their keys, without secrets."""
    return answer(request, {"data": list_accounts(session)})


@router.post(
    "/accounts",
    status_code=201,
    response_model=AccountOut,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut}},
)
def add_account(write: WriteSession, body: AccountIn) -> Response:
    """Create an account. It can do nothing before it has a key."""
    draft = write.draft("create_account", body.reason)
    create_account(write.session, draft, body.name, body.role)
    return write.answer(
        draft,
        lambda: get_account(write.session, body.name),
        location=lambda account: f"/accounts/{account['name']}",
    )


@router.patch("/accounts/{name}", response_model=AccountOut | DryRunOut, responses=WRITE_PROBLEMS)
def change_account(
    write: WriteSession, name: AccountName, expected: IfMatch, body: AccountPatch
) -> Response:
    """Change the role of an account, disable it, or enable it again."""
    draft = write.draft("edit_account", body.reason)
    patch = body.model_dump(exclude_unset=True, exclude={"reason"})
    edit_account(write.session, draft, name, (expected.record, expected.version), patch)
    return write.answer(draft, lambda: get_account(write.session, name))


@router.post(
    "/accounts/{name}/keys",
    status_code=201,
    response_model=NewKeyOut,
    responses=WRITE_PROBLEMS | {200: {"model": DryRunOut}},
)
def add_key(write: WriteSession, name: AccountName, body: KeyIn) -> Response:
    """Make a key; it is shown this once. A repeated request would show nothing, so an
    Idempotency-Key is not kept here."""
    draft = write.draft("create_key", body.reason)
    new = create_key(write.session, draft, name, expires_at=body.expires_at)
    expires_at = body.expires_at and stamp(body.expires_at.astimezone(UTC))
    shown = {"key_id": new.key_id, "key": new.text, "expires_at": expires_at}
    return write.answer_once(draft, shown)


@router.post(
    "/keys/{key_id}/revoke", response_model=AccountOut | DryRunOut, responses=WRITE_PROBLEMS
)
def revoke_one_key(
    write: WriteSession,
    key_id: Annotated[str, Path(max_length=10, examples=["abcdefghij"])],
    body: RevocationIn,
) -> Response:
    """Revoke a key: the next request with it is refused. Answers with its account."""
    draft = write.draft("revoke_key", body.reason)
    account = revoke_key(write.session, draft, key_id)
    return write.answer(draft, lambda: get_account(write.session, account))
