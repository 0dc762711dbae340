"""What all tables share: column types, naming of constraints, times."""

import enum
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """A timestamp that is aware and in UTC on every database.

    SQLite drops the offset that PostgreSQL keeps, so it is put back on the way out.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Model(DeclarativeBase):
    # Named constraints: SQLite batch migrations can only drop what has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime(),
        # Stored as text, so a new value needs no migration on PostgreSQL.
        enum.Enum: Enum(enum.Enum, native_enum=False, length=16),
        dict[str, Any]: JSON(none_as_null=True),
        list[Any]: JSON(none_as_null=True),
    }


UTC_ZONE = UTC


def utc_now() -> datetime:
    return datetime.now(UTC)


# SQLite numbers rows by themselves only where the key is spelled INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")
IntPK = Annotated[int, mapped_column(BigId, primary_key=True)]


def key_text(length: int) -> String:
    """Text of keys: in the order of code points everywhere, as SQLite sorts by itself."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


Slug = Annotated[str, mapped_column(key_text(80))]
Key = Annotated[str, mapped_column(key_text(200))]
