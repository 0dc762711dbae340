"""A service on the base of a module's ``url``, and a client of it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.startup.kept import asking, make_service


@pytest.fixture
def app(url: str) -> FastAPI:
    return make_service(url)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with asking(app) as client:
        yield client
