"""``python -m app accounts`` and ``python -m app keys``: who may write, from the console.

There is no default account and no first-visitor rule: the first key is made here.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from app.commands.accounts import create_account, create_key, edit_account, revoke_key
from app.commands.changes import ChangeDraft, finish_change
from app.config import get_settings
from app.errors import InvalidRequestError
from app.models.base import utc_now
from app.policy import Role
from app.queries.accounts import list_accounts
from app.schemas.base import Slug
from app.startup import opened

accounts = typer.Typer(no_args_is_help=True, help="Accounts: who may write.")
keys = typer.Typer(no_args_is_help=True, help="Keys of accounts.")
ResultT = TypeVar("ResultT")
Name = Annotated[str, typer.Argument(help="The account, such as jane-doe.")]
Reason = Annotated[str, typer.Option(help="Kept with the change.")]
DEFAULT_REASON = "On the console."


@accounts.command("create")
def create_one(
    name: Name,
    role: Annotated[Role, typer.Option(help="contributor < curator < admin")],
    reason: Reason = DEFAULT_REASON,
) -> None:
    """Create an account. It can do nothing before it has a key."""
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError as error:
        raise InvalidRequestError(
            "A name has small letters, digits and single hyphens, such as jane-doe.",
        ) from error
    _change("create_account", reason, lambda session, d: create_account(session, d, name, role))
    print(f"created the {role} {name}; `keys create {name}` makes a key")


@accounts.command("list")
def list_all() -> None:
    """List the accounts with their keys, without secrets."""
    with opened(get_settings().database_url) as sessions, sessions.read() as session:
        for account in list_accounts(session):
            state = "disabled" if account["disabled_at"] else account["role"]
            print(f"{account['name']}  {state}")
            for key in account["keys"]:
                print(f"  {key['key_id']}  {_state_of(key)}")


def _state_of(key: dict[str, str | None]) -> str:
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']}"
    until = f"until {key['expires_at']}" if key["expires_at"] else "without end"
    return f"{until}, last used {key['last_used_at'] or 'never'}"


@accounts.command("role")
def change_role(name: Name, role: Role, reason: Reason = DEFAULT_REASON) -> None:
    """Give an account another role, from its next request on."""
    _edit(name, reason, {"role": role})
    print(f"{name} is a {role}")


@accounts.command("disable")
def disable(name: Name, reason: Reason = DEFAULT_REASON) -> None:
    """Disable an account: none of its keys opens anything."""
    _edit(name, reason, {"disabled": True})
    print(f"disabled {name}")


@accounts.command("enable")
def enable(name: Name, reason: Reason = DEFAULT_REASON) -> None:
    """Enable an account again, with those of its keys that are neither revoked nor expired."""
    _edit(name, reason, {"disabled": False})
    print(f"enabled {name}")


def _edit(name: str, reason: str, patch: dict[str, object]) -> None:
    def command(session: Session, draft: ChangeDraft) -> None:
        edit_account(session, draft, name, None, patch)

    _change("edit_account", reason, command)


@keys.command("create")
def create_one_key(
    name: Name,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Valid for so long.")] = None,
    reason: Reason = DEFAULT_REASON,
) -> None:
    """Make a key and print it, this once: it is stored as a digest only."""
    expires_at = utc_now() + timedelta(days=days) if days else None
    new = _change(
        "create_key",
        reason,
        lambda session, draft: create_key(session, draft, name, expires_at=expires_at),
    )
    print(new.text)


@keys.command("revoke")
def revoke_one(
    key_id: Annotated[str, typer.Argument(help="The second part of the key.")],
    reason: Reason = DEFAULT_REASON,
) -> None:
    """Revoke a key: the next request with it is refused, by every worker."""
    name = _change("revoke_key", reason, lambda session, d: revoke_key(session, d, key_id))
    print(f"revoked the key {key_id} of {name}")


def _change(
    action: str, reason: str, command: Callable[[Session, ChangeDraft], ResultT]
) -> ResultT:
    draft = ChangeDraft("person", "console", action, reason)
    with opened(get_settings().database_url) as sessions, sessions.write.begin() as session:
        result = command(session, draft)
        finish_change(session, draft)
    return result
