"""How often a transaction goes to PostgreSQL and back: each way is a latency of the network, for whatever is done."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from instar.store.database import postgresql
from instar.store.database.sealing import Sealer
from instar.store.errors import Unavailable
from instar.store.store import Store
from tests.support.postgres import PostgresServer


class Talkative:
    """A server that writes down every statement that it is sent."""

    def __init__(self, server: PostgresServer, log: Path, process: "subprocess.Popen[bytes]") -> None:
        self.server, self.log, self.process = server, log, process

    def told(self) -> list[str]:
        """The statements since the last question."""
        found = re.findall(r"LOG:  (?:statement|execute [^:]*): (.*)", self.log.read_text(errors="replace"))
        new, self.seen = found[getattr(self, "seen", 0) :], len(found)
        return new


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talkative]:
    if not PostgresServer.can_run():
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres)")
    with PostgresServer.made() as server:
        (server.base / "data" / "postgresql.auto.conf").write_text("log_statement = 'all'\n")
        log = tmp_path_factory.mktemp("postgres") / "log"
        with server.running(log) as process:
            yield Talkative(server, log, process)


@pytest.fixture
def opened(talkative: Talkative) -> Iterator[Store]:
    sealer = Sealer([Fernet.generate_key().decode()])
    with closing(Store.open(f"{talkative.server.url}/postgres", sealer)) as store:
        store.ping()
        talkative.told()
        yield store


def test_f11_a_read_is_one_way_and_a_write_three(opened: Store, talkative: Talkative) -> None:
    opened.ping()
    assert talkative.told() == ["SELECT 1"]
    with opened.database.reading() as connection:
        connection.execute(text("SELECT 2"))
        connection.execute(text("SELECT 3"))
    assert talkative.told() == ["SELECT 2", "SELECT 3"]
    with opened.database.writing() as connection:
        connection.execute(text("CREATE TABLE once (a int)"))
    begin, *rest = talkative.told()
    assert begin.startswith("BEGIN")
    assert rest == ["CREATE TABLE once (a int)", "COMMIT"]


def test_f11_what_is_written_after_a_read_on_the_same_connection_is_a_transaction(opened: Store) -> None:
    with suppress(KeyError), opened.database.writing() as connection:
        connection.execute(text("CREATE TABLE never (a int)"))
        raise KeyError
    with opened.database.reading() as connection:
        assert connection.scalar(text("SELECT to_regclass('never')")) is None


def test_f9_a_connection_that_died_while_it_rested_is_made_anew(
    opened: Store, talkative: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "ASKED_AFTER", postgresql.ASKED_AFTER * 0)
    opened.ping()
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    with closing(psycopg.connect(f"{talkative.server.url}/postgres", autocommit=True)) as connection:
        assert connection.execute(f"SELECT pg_terminate_backend(pid) {others}".encode()).fetchall()
    opened.ping()


def test_f9_one_that_dies_in_use_is_told_and_the_next_one_is_made_anew(opened: Store) -> None:
    with pytest.raises(Unavailable), opened.database.writing() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    opened.ping()
