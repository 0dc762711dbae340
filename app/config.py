"""Every setting is an environment variable: ``CLAIMBASE_`` and the field's name."""

from functools import cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).parent.parent


def _of_a_known_database(url: str) -> str:
    if _backend(url) not in {"sqlite", "postgresql"}:
        raise ValueError("the database has to be sqlite or postgresql")
    return url


def _backend(url: str) -> str:
    try:
        return make_url(url).get_backend_name()
    except ArgumentError as error:
        raise ValueError("it has to be a URL such as sqlite:///var/claimbase.db") from error


def _split(given: object) -> object:
    """``10.0.0.0/8, ::1``"""
    if not isinstance(given, str):
        return given
    return [part.strip() for part in given.split(",") if part.strip()]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CLAIMBASE_", extra="ignore")

    database_url: Annotated[str, AfterValidator(_of_a_known_database)] = (
        f"sqlite:///{ROOT / 'var' / 'claimbase.db'}"
    )
    replica_url: Annotated[
        str | None,
        Field(description="A PostgreSQL that follows the base: it answers who shows no key."),
    ] = None
    replica_max_lag: Annotated[
        int,
        Field(ge=0, le=1_000_000, description="Changes that its answers may be behind."),
    ] = 0
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    seed_file: Path = ROOT / "data" / "seed.json"
    shared_max_age: Annotated[
        int | None,
        Field(ge=0, description="Seconds that a purged CDN may keep a public answer."),
    ] = None
    four_eyes: Annotated[
        bool,
        Field(description="Nobody publishes their own claim or accepts their own proposal."),
    ] = False
    cache_bytes: Annotated[
        int,
        Field(ge=0, description="Memory of each worker for public answers; 0 keeps none."),
    ] = 64_000_000
    read_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="That the database may take for one read."),
    ] = 10
    light_reads: Annotated[
        int,
        Field(ge=1, le=16, description="Light reads that one worker makes at once."),
    ] = 2
    heavy_reads: Annotated[
        int,
        Field(ge=1, le=16, description="Searches, facets, groups and the like made at once."),
    ] = 2
    max_streams: Annotated[
        int,
        Field(ge=0, le=10_000, description="Event streams that one worker holds open."),
    ] = 100
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    max_text_bytes: Annotated[
        int,
        Field(ge=1024, description="Of a request that brings the text of a document."),
    ] = 10_000_000
    max_import_bytes: Annotated[int, Field(ge=1024)] = 1_000_000_000
    rate_limit: Annotated[
        int,
        Field(ge=0, le=1_000_000, description="Requests a minute of one address without a key."),
    ] = 0
    rate_limit_key: Annotated[
        int,
        Field(ge=0, le=1_000_000, description="Requests a minute of one account."),
    ] = 0
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        NoDecode,
        BeforeValidator(_split),
        Field(description="Networks whose X-Forwarded-For and -Proto are believed."),
    ] = ()
    receive_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="For the head of a request, and for silence in a body."),
    ] = 20
    send_seconds: Annotated[
        float,
        Field(gt=0, le=3600, description="That a client may leave its answer unread."),
    ] = 60
    keep_alive_seconds: Annotated[
        int,
        Field(ge=1, le=3600, description="That a connection may stay open between requests."),
    ] = 5
    max_connections: Annotated[
        int,
        Field(ge=1, le=100_000, description="Connections that one worker holds open."),
    ] = 1_000
    metrics_public: Annotated[
        bool,
        Field(description="Anybody may read /metrics; otherwise it needs the key of an admin."),
    ] = False
    log_format: Literal["text", "json"] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="info has a line for each request that the cache did not answer."),
    ] = "warning"

    @field_validator("replica_url")
    @classmethod
    def _of_postgresql(cls, url: str | None, info: ValidationInfo) -> str | None:
        base = info.data.get("database_url")  # not there if it was refused
        if url is None or base is None:
            return url
        if {_backend(url), _backend(base)} != {"postgresql"}:
            raise ValueError("only a PostgreSQL has replicas: this URL and the base's have to be")
        return url


@cache
def get_settings() -> Settings:
    return Settings()
