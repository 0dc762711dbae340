"""``python -m app backup`` and ``python -m app restore``: a SQLite base as one verified file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.backups import BackupError, back_up, manifest_path, restore, verify
from app.config import get_settings
from app.startup import StartupError


def backup_base(
    file: Annotated[Path, typer.Argument(help="The copy; its manifest is written beside it.")],
    *,
    only_verify: Annotated[
        bool,
        typer.Option("--verify", help="Write nothing; compare FILE with its manifest."),
    ] = False,
) -> None:
    """Copy a SQLite base while it is served and written; or verify a copy."""
    try:
        manifest = verify(file) if only_verify else back_up(get_settings().database_url, file)
    except BackupError as error:
        raise StartupError(str(error)) from error
    print(f"{file} is whole: {_described(manifest)}")
    if not only_verify:
        print(f"its manifest is {manifest_path(file)}")


def restore_base(
    file: Annotated[Path, typer.Argument(help="A backup with its manifest beside it.")],
) -> None:
    """Make the base of CLAIMBASE_DATABASE_URL from a backup; there must be none."""
    try:
        manifest = restore(file, get_settings().database_url)
    except BackupError as error:
        raise StartupError(str(error)) from error
    print(f"restored from {file}: {_described(manifest)}")
    print("now run `python -m app check`")


def _described(manifest: dict[str, Any]) -> str:
    last = manifest["last_change"]["number"]
    return f"{manifest['size']} bytes, change {last}, of {manifest['at']}"
