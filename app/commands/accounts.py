"""Accounts and their keys: made, changed, disabled and revoked, all of it on record."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.errors import ConflictingStateError, NotFoundError
from app.keys import NewKey, make_key
from app.models import Account, ApiKey
from app.models.base import utc_now
from app.policy import Role


def create_account(session: Session, draft: ChangeDraft, name: str, role: Role) -> None:
    now = utc_now()
    account = Account(name=name, role=role, created_at=now, updated_at=now, disabled_at=None)
    session.add(account)
    try:
        session.flush()
    except IntegrityError as error:
        raise ConflictingStateError(f"There is an account {name} already.") from error
    note_event(session, draft, "account", account, "created")


def change_role(session: Session, draft: ChangeDraft, name: str, role: Role) -> None:
    account = _locked(session, name)
    if account.role is role:
        raise ConflictingStateError(f"The account {name} is a {role} already.")
    account.role = role
    _note(session, draft, account, "updated")


def disable_account(session: Session, draft: ChangeDraft, name: str) -> None:
    """From now on none of its keys opens anything."""
    account = _locked(session, name)
    if account.disabled_at is not None:
        raise ConflictingStateError(f"The account {name} is disabled already.")
    account.disabled_at = utc_now()
    _note(session, draft, account, "disabled")


def enable_account(session: Session, draft: ChangeDraft, name: str) -> None:
    """Its keys that are neither revoked nor expired open again."""
    account = _locked(session, name)
    if account.disabled_at is None:
        raise ConflictingStateError(f"The account {name} is not disabled.")
    account.disabled_at = None
    _note(session, draft, account, "enabled")


def create_key(
    session: Session,
    draft: ChangeDraft,
    name: str,
    *,
    expires_at: datetime | None,
) -> NewKey:
    """A new key of the account; its text is in the answer and nowhere else."""
    account = _locked(session, name)
    if account.disabled_at is not None:
        raise ConflictingStateError(f"The account {name} is disabled.")
    new = make_key()
    key = ApiKey(
        account_id=account.id,
        key_id=new.key_id,
        digest=new.digest,
        created_at=utc_now(),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    note_event(session, draft, "key", key, "created")
    return new


def revoke_key(session: Session, draft: ChangeDraft, key_id: str) -> None:
    """The key opens nothing from the next request on, whichever worker gets it."""
    key = session.scalar(select(ApiKey).where(ApiKey.key_id == key_id).with_for_update())
    if key is None:
        raise NotFoundError("There is no key of this id.")
    if key.revoked_at is not None:
        raise ConflictingStateError("The key is revoked already.")
    key.revoked_at = utc_now()
    key.version += 1
    note_event(session, draft, "key", key, "revoked")


def touch_key(session: Session, key_id: str) -> None:
    """Note that the key was used. It is no change of the base, and leaves no revision."""
    session.execute(
        update(ApiKey).where(ApiKey.key_id == key_id).values(last_used_at=utc_now()),
    )


def _locked(session: Session, name: str) -> Account:
    account = session.scalar(select(Account).where(Account.name == name).with_for_update())
    if account is None:
        raise NotFoundError("There is no account of this name.")
    return account


def _note(session: Session, draft: ChangeDraft, account: Account, action: str) -> None:
    account.version += 1
    account.updated_at = utc_now()
    note_event(session, draft, "account", account, action)
