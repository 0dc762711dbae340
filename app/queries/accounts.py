"""Accounts and keys: who shows one, and the list for admins."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.errors import NotFoundError
from app.identifiers import Prefix, public_id
from app.keys import digest_of, key_id_of
from app.models import Account, ApiKey
from app.models.base import utc_now
from app.policy import Role
from app.queries.prepared import Prepared
from app.queries.records import Record, stamp

# How exactly the last use of a key is known.
LAST_USE_RESOLUTION = timedelta(minutes=10)


class Actor(NamedTuple):
    """Who acts, by which key. ``is_due``: the use of the key is to be noted."""

    account: str
    role: Role
    key_id: str | None
    is_due: bool = False


def find_actor(session: Session, key: str) -> Actor | None:
    """Who the key belongs to; None for one that is unknown, expired, revoked or disabled."""
    key_id = key_id_of(key)
    if key_id is None:
        return None
    row = _SHOWN.first(session, {"id": key_id, "digest": digest_of(key)})
    now = utc_now()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    is_due = row.last_used_at is None or now - row.last_used_at > LAST_USE_RESOLUTION
    return Actor(row.name, row.role, key_id, is_due)


# Asked by every request that shows a key.
_ACCOUNT, _KEY = Account.__table__.c, ApiKey.__table__.c
_SHOWN = Prepared(
    select(_ACCOUNT.name, _ACCOUNT.role, _KEY.expires_at, _KEY.last_used_at)
    .join_from(Account.__table__, ApiKey.__table__, _KEY.account_id == _ACCOUNT.id)
    .where(
        _KEY.key_id == bindparam("id"),
        _KEY.digest == bindparam("digest"),
        _KEY.revoked_at.is_(None),
        _ACCOUNT.disabled_at.is_(None),
    ),
)


def get_account(session: Session, name: str) -> Record:
    """One account with its keys; never a secret or a digest."""
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise NotFoundError("There is no account of this name.")
    [record] = _with_keys(session, [account])
    return record


def list_accounts(session: Session) -> list[Record]:
    """Every account with its keys, by name."""
    return _with_keys(session, session.scalars(select(Account).order_by(Account.name)).all())


def _with_keys(session: Session, accounts: Sequence[Account]) -> list[Record]:
    ids = [account.id for account in accounts]
    names = {account.id: account.name for account in accounts}
    keys: dict[int, list[Record]] = {id_: [] for id_ in ids}
    found = select(ApiKey).where(ApiKey.account_id.in_(ids)).order_by(ApiKey.id)
    for key in session.scalars(found):
        used = {"last_used_at": _stamp(key.last_used_at)}
        keys[key.account_id].append(key_record(key, names[key.account_id]) | used)
    return [account_record(account) | {"keys": keys[account.id]} for account in accounts]


def account_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    rows = session.scalars(select(Account).where(Account.id.in_(ids)))
    return {row.id: account_record(row) for row in rows}


def key_records(session: Session, ids: Sequence[int]) -> dict[int, Record]:
    rows = session.execute(
        select(ApiKey, Account.name)
        .join(Account, Account.id == ApiKey.account_id)
        .where(ApiKey.id.in_(ids)),
    )
    return {key.id: key_record(key, name) for key, name in rows}


def account_record(account: Account) -> Record:
    return {
        "id": public_id(Prefix.account, account.id),
        "name": account.name,
        "role": account.role.value,
        "version": account.version,
        "created_at": stamp(account.created_at),
        "updated_at": stamp(account.updated_at),
        "disabled_at": _stamp(account.disabled_at),
    }


def key_record(key: ApiKey, account: str) -> Record:
    """The key without its secret, and without its last use, which is no change of it."""
    return {
        "key_id": key.key_id,
        "account": account,
        "version": key.version,
        "created_at": stamp(key.created_at),
        "expires_at": _stamp(key.expires_at),
        "revoked_at": _stamp(key.revoked_at),
    }


def _stamp(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None
