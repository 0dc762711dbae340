"""Who may change things, and the keys that they show."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model, Slug
from app.policy import Role


class Account(Model):
    """A person or a program that writes. It is disabled, never deleted: changes name it."""

    __tablename__ = "accounts"

    id: Mapped[IntPK]
    name: Mapped[Slug] = mapped_column(unique=True)
    role: Mapped[Role]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ApiKey(Model):
    """``digest`` is the SHA-256 of the key, which is shown once and never stored."""

    __tablename__ = "api_keys"

    id: Mapped[IntPK]
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(10), unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
