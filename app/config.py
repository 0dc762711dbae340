"""Every setting is an environment variable: ``CLAIMBASE_`` and the field's name."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).parent.parent


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="CLAIMBASE_", extra="ignore")

    database_url: str = f"sqlite:///{ROOT / 'var' / 'claimbase.db'}"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    seed_file: Path = ROOT / "data" / "seed.json"
    shared_max_age: Annotated[
        int | None,
        Field(ge=0, description="Seconds that a purged CDN may keep a public answer."),
    ] = None
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1_000_000


@cache
def get_settings() -> Settings:
    return Settings()
