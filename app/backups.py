"""Backups of a SQLite base: one file and its manifest, verified byte by byte.

The copy appears under its name only when it is whole and on disk, and its manifest only after it:
whatever a killed backup leaves has no manifest, and nothing is restored from it.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.db import BUSY_TIMEOUT_MS, sqlite_driver, sqlite_path
from app.version import VERSION

KIND = "claimbase-backup"
LAYOUT = 1
COUNTED = ("changes", "revisions", "conditions", "concepts", "documents", "claims", "citations")
AT_ONCE = 1 << 20
# What SQLite keeps beside a base while it is in use.
COMPANIONS = ("-wal", "-shm", "-journal")
MOST_FAULTS = 5
# What a file system without hard links answers.
WITHOUT_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
Manifest = dict[str, Any]


class BackupError(Exception):
    """Why there is no backup, or no restored base, in one sentence."""


def manifest_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.manifest.json")


def back_up(url: str, file: Path) -> Manifest:
    """Copy the base as it is at one moment, while others read and write it.

    Raises BackupError; then there is neither ``file`` nor its manifest.
    """
    base = base_path(url)
    if not base.is_file():
        raise BackupError(f"There is no base at {base}.")
    for path in (file, manifest_path(file)):
        _refuse_existing(path)
    with _telling(file), _temporary(file) as copy:
        copy.touch(mode=0o600)  # drafts and digests of keys are nobody else's
        _copy_base(base, copy)
        _sync(copy)
        manifest = _manifest_of(copy)
        _put_in_place(copy, file)
        try:
            _write_manifest(manifest, manifest_path(file))
        except BaseException:
            file.unlink(missing_ok=True)
            raise
    return manifest


def _write_manifest(manifest: Manifest, path: Path) -> None:
    with _temporary(path) as written:
        written.write_bytes(_rendered(manifest))
        _sync(written)
        _put_in_place(written, path)


def verify(file: Path) -> Manifest:
    """What the manifest says, once the file was found to be exactly that. Raises BackupError."""
    with _telling(file):
        manifest = _read_manifest(file)
        _refuse_difference(file, manifest)
        found = _manifest_of(file)
    for name, value in found.items():
        if name not in {"at", "release"} and manifest[name] != value:
            raise BackupError(f"{file} is not what its manifest says: {name} differs.")
    return manifest


def restore(file: Path, url: str) -> Manifest:
    """Make the base of ``url`` from a backup. Raises BackupError; then there is no base there."""
    base = base_path(url)
    for suffix in ("", *COMPANIONS):
        _refuse_existing(base.with_name(base.name + suffix))
    manifest = verify(file)
    with _telling(base):
        base.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(base) as copy:
            _copy_bytes(file, copy)
            _refuse_difference(copy, manifest)  # what was written, not what was read
            with closing(_connect(copy, "rw")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            _sync(copy)
            _put_in_place(copy, base)
    return manifest


def base_path(url: str) -> Path:
    """The file of a SQLite URL. Raises BackupError for another database."""
    path = sqlite_path(url)
    if path is not None:
        return path
    if url.startswith("sqlite"):
        raise BackupError("A base in memory has no file to back up or to restore.")
    raise BackupError(
        "A base on PostgreSQL is backed up with pg_dump and restored with pg_restore; "
        "`python -m app export` writes all of it independently of the database.",
    )


def _copy_base(base: Path, copy: Path) -> None:
    """In one step: in several, each write of another connection would start the copy anew."""
    with closing(_connect(base, "rw")) as source, closing(_connect(copy, "rwc")) as target:
        source.backup(target, pages=-1)
        # One file, with nothing beside it; a restored base is put back into WAL mode.
        target.execute("PRAGMA journal_mode = DELETE")


def _copy_bytes(file: Path, copy: Path) -> None:
    with file.open("rb") as source, copy.open("xb") as target:
        while part := source.read(AT_ONCE):
            target.write(part)
    _sync(copy)


def _manifest_of(file: Path) -> Manifest:
    """What a whole backup is. Raises BackupError for a base that is damaged, or is none of ours."""
    size, digest = _measured(file)
    with closing(_connect(file, "ro&immutable=1")) as connection:
        faults = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        if faults != ["ok"]:
            raise BackupError(f"{file} is damaged: {'; '.join(faults[:MOST_FAULTS])}.")
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise BackupError(f"{file} is damaged: a row refers to one that is not there.")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master") if name}
        if not {"alembic_version", "changes"} <= tables:
            raise BackupError(f"{file} is not a base of Claimbase.")
        [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        last = _last_change(connection)
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
            for table in COUNTED
            if table in tables
        }
    return {
        "kind": KIND,
        "layout": LAYOUT,
        "release": VERSION,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": size,
        "sha256": digest,
        "schema_revision": revision,
        "last_change": last,
        "counts": counts,
    }


def _last_change(connection: Any) -> dict[str, Any]:
    columns = {row[1] for row in connection.execute("PRAGMA table_info(changes)")}
    digest = "digest" if "digest" in columns else "''"  # the first schema had none
    query = f"SELECT number, {digest} FROM changes ORDER BY number DESC LIMIT 1"  # noqa: S608 - as above
    number, digest = connection.execute(query).fetchone() or (0, "")
    return {"number": number, "digest": digest}


def _refuse_difference(file: Path, manifest: Manifest) -> None:
    size, digest = _measured(file)
    if size != manifest["size"]:
        raise BackupError(
            f"{file} is not what its manifest says: {size} bytes instead of {manifest['size']}.",
        )
    if digest != manifest["sha256"]:
        raise BackupError(f"{file} is not what its manifest says: its SHA-256 differs.")


def _measured(file: Path) -> tuple[int, str]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        return content.tell(), digest


def _rendered(manifest: Manifest) -> bytes:
    """With a digest of its own, so that a changed byte of the manifest is found as well."""
    content = json.dumps(manifest, indent=1).encode()
    own = {"manifest_sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps(manifest | own, indent=1).encode() + b"\n"


def _read_manifest(file: Path) -> Manifest:
    path = manifest_path(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BackupError(
            f"{file} has no manifest: it is no backup, or one that was not finished.",
        ) from None
    try:
        manifest: Any = json.loads(content)
        del manifest["manifest_sha256"]
    except (ValueError, TypeError, KeyError):
        manifest = None
    if manifest is None or _rendered(manifest) != content:
        raise BackupError(f"{path} is not as it was written.")
    if (manifest.get("kind"), manifest.get("layout")) != (KIND, LAYOUT):
        raise BackupError(f"{path} was written by another release of Claimbase: use that one.")
    return dict(manifest)


def _connect(path: Path, mode: str) -> Any:
    return sqlite_driver.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise BackupError(f"{path} is there already: nothing was written.")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Faults of the file system and of SQLite, as one sentence."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{error.filename or path}: {error.strerror}.") from error
    except sqlite_driver.Error as error:
        raise BackupError(f"{path} cannot be used: {error}.") from error


@contextmanager
def _temporary(file: Path) -> Iterator[Path]:
    """A name beside ``file`` that nobody else has; nothing is left under it."""
    path = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        yield path
    finally:
        for suffix in ("", *COMPANIONS):
            with suppress(OSError):
                path.with_name(path.name + suffix).unlink(missing_ok=True)


def _put_in_place(written: Path, file: Path) -> None:
    """Under its own name, and never over another file."""
    try:
        os.link(written, file)
    except FileExistsError:
        _refuse_existing(file)
        raise
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        _refuse_existing(file)
        written.rename(file)
    try:
        _sync(file.parent)
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
