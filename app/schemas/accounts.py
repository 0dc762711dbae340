"""Accounts and keys."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.policy import Role
from app.schemas.base import In, Out, Sentence, Slug
from app.schemas.seed import Loose
from app.schemas.shared import Time


class AccountIn(In):
    name: Slug
    role: Annotated[Role, Loose]
    reason: Sentence


class AccountPatch(In):
    """A JSON merge patch: what is not there stays."""

    role: Annotated[Role, Loose] = Role.contributor
    disabled: bool = False
    reason: Sentence


class KeyIn(In):
    expires_at: Annotated[
        Annotated[datetime, Loose] | None,
        Field(description="With its offset; a key without it is valid until it is revoked."),
    ] = None
    reason: Sentence


class RevocationIn(In):
    reason: Sentence


class KeyOut(Out):
    key_id: Annotated[str, Field(description="The second part of the key; no secret.")]
    account: str
    version: int
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Annotated[Time | None, Field(description="To about ten minutes.")]


class NewKeyOut(Out):
    key_id: str
    key: Annotated[str, Field(description="Shown this once, and stored nowhere.")]
    expires_at: Time | None


class AccountOut(Out):
    id: Annotated[str, Field(examples=["ACC1"])]
    name: str
    role: Role
    version: int
    created_at: Time
    updated_at: Time
    disabled_at: Time | None
    keys: list[KeyOut]


class AccountList(Out):
    data: list[AccountOut]
