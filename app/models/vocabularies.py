from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import IntPK, Model


class StoredVocabulary(Model):
    """The vocabulary that the conflicts of this base were computed with; one row."""

    __tablename__ = "vocabularies"

    id: Mapped[IntPK]
    number: Mapped[int]  # the vocabulary's own version
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(default=1)
