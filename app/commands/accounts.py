"""Accounts and their keys: made, changed, disabled and revoked, all of it on record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.commands.changes import ChangeDraft, note_event
from app.commands.versions import take_version
from app.errors import (
    ConflictingStateError,
    InvalidRequestError,
    NotFoundError,
    StaleError,
)
from app.identifiers import Prefix, public_id
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


def edit_account(
    session: Session,
    draft: ChangeDraft,
    name: str,
    expected: tuple[str, int] | None,
    patch: Mapping[str, Any],
) -> None:
    """Change ``role`` and ``disabled``. Of a disabled account no key opens anything.

    ``expected``: id and version that the change was made from; None on the command line.
    """
    account = _locked(session, name)
    id_ = public_id(Prefix.account, account.id)
    if expected is not None and expected[0] != id_:
        raise StaleError(f"If-Match has the tag of another record than {id_}.")
    version = account.version if expected is None else expected[1]
    take_version(session, "account", Account, account.id, version)
    session.refresh(account)
    if "role" in patch:
        account.role = patch["role"]
    if "disabled" in patch:
        was_disabled = account.disabled_at is not None
        if patch["disabled"] != was_disabled:
            account.disabled_at = utc_now() if patch["disabled"] else None
    note_event(session, draft, "account", account, "updated")


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
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= utc_now()):
        place = {"in": "body", "pointer": "/expires_at", "code": "invalid"}
        raise InvalidRequestError(
            "The expiry has to be a time to come, with its offset.",
            errors=[place | {"detail": "Such as 2027-01-31T00:00:00Z."}],
        )
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


def revoke_key(session: Session, draft: ChangeDraft, key_id: str) -> str:
    """The key opens nothing from the next request on, whichever worker gets it.

    The name of its account.
    """
    key = session.scalar(select(ApiKey).where(ApiKey.key_id == key_id).with_for_update())
    if key is None:
        raise NotFoundError("There is no key of this id.")
    if key.revoked_at is not None:
        raise ConflictingStateError("The key is revoked already.")
    key.revoked_at = utc_now()
    key.version += 1
    note_event(session, draft, "key", key, "revoked")
    return session.get_one(Account, key.account_id).name


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
