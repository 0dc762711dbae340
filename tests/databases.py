"""Databases for tests: SQLite files, or databases of the server that a variable names."""

import os
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url

from app.db import create_sqlite_file, make_engine
from app.startup import migrate

SERVER = os.environ.get("CLAIMBASE_TEST_DATABASE_URL")


def new_database(name: str, folder: Path) -> str:
    """The URL of a new, empty database; on PostgreSQL one left by an earlier run is dropped."""
    if SERVER is None:
        url = f"sqlite:///{folder / name}.db"
        create_sqlite_file(url)
        return url
    own = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{own}" WITH (FORCE)')
        connection.exec_driver_sql(f'CREATE DATABASE "{own}"')
    server.dispose()
    return make_url(SERVER).set(database=own).render_as_string(hide_password=False)


def migrated_engine(url: str) -> Engine:
    engine = make_engine(url)
    migrate(engine)
    return engine
