from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, IntPK, Key, Model


class SeedLoad(Model):
    """A seed that was read, by the digest of its file and of the vocabulary beside it.

    ``change`` is empty where the seed brought nothing new.
    """

    __tablename__ = "seed_loads"

    id: Mapped[IntPK]
    digest: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime]
    change: Mapped[int | None] = mapped_column(ForeignKey("changes.number"))
    report: Mapped[dict[str, Any]]


class SeedRecord(Model):
    """What the seed last said of one record, as the digest of its part of the file.

    It tells an unchanged part from a changed one, and which keys a new seed leaves out.
    """

    __tablename__ = "seed_records"

    record_type: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[Key] = mapped_column(primary_key=True)
    record_id: Mapped[int] = mapped_column(BigId)
    digest: Mapped[str] = mapped_column(String(64))
