"""A store on SQLite, and the same on a real PostgreSQL server when the machine has its binaries."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.postgres import PostgresServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on a free loopback port; the URL of its first database, without the name."""
    if not PostgresServer.can_run():
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres)")
    with PostgresServer.made() as server, server.running(tmp_path_factory.mktemp("postgres") / "log"):
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'instar.db'}"
    server = str(request.getfixturevalue("postgres_server"))
    name = f"test_{next(_numbers)}"
    with closing(psycopg.connect(f"{server}/postgres", autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server}/{name}"


@pytest.fixture
def sealer() -> Sealer:
    return Sealer([Fernet.generate_key().decode()])


@pytest.fixture
def store(url: str, sealer: Sealer) -> Iterator[Store]:
    with closing(Store.open(url, sealer)) as opened:
        yield opened
