"""Databases for tests: SQLite files, or databases of the server that a variable names.

A database with tables, or with the seed, is a copy of one that was made once for the process.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, func, make_url, select
from sqlalchemy.orm import Session

from app.config import ROOT
from app.db import create_sqlite_file, make_engine, sqlite_path, writing
from app.models import Claim, WrittenClaim
from app.startup import migrate, prepare

SERVER = os.environ.get("CLAIMBASE_TEST_DATABASE_URL")
SEED = Path(__file__).parent.parent / "data" / "seed.json"


def new_database(name: str, folder: Path) -> str:
    """The URL of a new, empty database; on PostgreSQL one left by an earlier run is dropped."""
    if SERVER is None:
        url = f"sqlite:///{folder / name}.db"
        create_sqlite_file(url)
        return url
    return _created(SERVER, name, "template1")


def seeded_database(name: str, folder: Path) -> str:
    """The URL of a new database as the first start leaves it."""
    return _copied(_seeded(), name, folder)


def migrated_database(name: str, folder: Path) -> str:
    """The URL of a new database with the tables and nothing in them."""
    return _copied(_migrated(), name, folder)


def migrated_engine(url: str) -> Engine:
    engine = make_engine(url)
    migrate(engine)
    return engine


def _copied(template: str, name: str, folder: Path) -> str:
    if SERVER is not None:
        return _created(SERVER, name, str(make_url(template).database))
    path = folder / f"{name}.db"
    shutil.copyfile(str(sqlite_path(template)), path)
    return f"sqlite:///{path}"


def _created(server_url: str, name: str, template: str) -> str:
    own = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{own}" TEMPLATE "{template}"')
    server.dispose()
    return make_url(server_url).set(database=own).render_as_string(hide_password=False)


# Nobody stays connected to a template: a file is then whole, and a server copies no other.


@cache
def _migrated() -> str:
    url = new_database("template_migrated", _folder())
    migrated_engine(url).dispose()
    return url


@cache
def _seeded() -> str:
    url = new_database("template_seeded", _folder())
    prepare(url, SEED)
    return url


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="claimbase-templates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def alembic(engine: Engine, name: str, *arguments: str) -> None:
    """A command of the migrations, in a transaction of its own."""
    with writing(engine).begin() as connection:
        config = Config(ROOT / "alembic.ini")
        config.attributes["connection"] = connection
        getattr(command, name)(config, *arguments)


def unwritten(session: Session) -> int:
    """How many claims have no record that is written out."""
    is_written = select(WrittenClaim.claim_id).where(WrittenClaim.body.is_not(None))
    statement = select(func.count(Claim.id)).where(Claim.id.not_in(is_written))
    return session.execute(statement).scalar_one()
