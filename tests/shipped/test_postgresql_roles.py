"""The roles of docker-compose.yml in a real PostgreSQL, asked by password as its image asks."""

# ruff: noqa: S603  # our own script; passwords of a server that is gone at the end
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity
from tests.support.house import ROOT
from tests.support.postgres import PostgresServer

PASSWORDS = {
    "POSTGRES_PASSWORD": "the superuser's",
    "POSTGRES_INSTAR_PASSWORD": "it's p@ss:w/rd$1",
    "POSTGRES_TEMPORAL_PASSWORD": "temporal's \\ own",
}
OF_ROLES = dict(zip(("postgres", "instar", "temporal"), PASSWORDS.values(), strict=True))
DATABASES = {"instar": "instar", "temporal": "temporal", "temporal_visibility": "temporal"}


@contextmanager
def server_of(tmp_path: Path, superuser: str) -> Iterator[PostgresServer]:
    if not PostgresServer.can_run() or shutil.which("psql") is None:
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres, psql): apt-get install postgresql")
    with PostgresServer.made(superuser, PASSWORDS["POSTGRES_PASSWORD"]) as server, server.running(tmp_path / "log"):
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    with server_of(tmp_path, "postgres") as made:
        yield made


@pytest.fixture
def old_server(tmp_path: Path) -> Iterator[PostgresServer]:
    """As an earlier release started it: everything as its superuser `temporal`."""
    with server_of(tmp_path, "temporal") as made:
        yield made


def roles(server: PostgresServer, **other: str) -> subprocess.CompletedProcess[str]:
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PATH": os.environ["PATH"]}
    script = ["/bin/sh", str(ROOT / "deploy" / "postgresql-roles.sh")]
    return subprocess.run(script, env=where | PASSWORDS | other, capture_output=True, text=True, check=False)


def connected(server: PostgresServer, role: str, database: str, password: str = "") -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        user=role,
        dbname=database,
        password=password or OF_ROLES[role],
        autocommit=True,
    )


def execute(server: PostgresServer, role: str, database: str, *statements: str, password: str = "") -> list[Any]:
    with closing(connected(server, role, database, password)) as connection:
        *_, last = [connection.execute(statement.encode()) for statement in statements]
        return last.fetchall() if last.description else []


def check(server: PostgresServer) -> None:
    """Each role owns its databases, with all that is in them, and can do nothing else."""
    for role in ("instar", "temporal"):
        for database, owner in DATABASES.items():
            if owner == role:
                assert execute(server, role, database, "SELECT 1") == [(1,)]
                strangers = """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                    AND pg_get_userbyid(relowner) <> current_user AND relkind IN ('r', 'p', 'v', 'm', 'S')"""
                assert execute(server, role, database, strangers) == []
            else:
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    connected(server, role, database)
        for database in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                connected(server, role, database)
        for statement in (
            "CREATE DATABASE more",
            "CREATE ROLE more",
            "ALTER ROLE current_user SUPERUSER",
            "ALTER ROLE postgres PASSWORD 'mine'",
            "SELECT pg_read_file('PG_VERSION')",
            "COPY (SELECT 1) TO PROGRAM 'cat'",
        ):
            with pytest.raises(psycopg.Error, match=r"permission denied|must be superuser|must have"):
                execute(server, role, role, statement)
        powers = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles"
        assert execute(server, role, role, f"{powers} WHERE rolname = current_user") == [(False,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connected(server, "instar", "instar", OF_ROLES["temporal"])


def store(server: PostgresServer, monkeypatch: pytest.MonkeyPatch, key: str) -> Store:
    """Opened as a container opens it: the password is in the environment, and not in the URL."""
    monkeypatch.setenv("PGPASSWORD", OF_ROLES["instar"])
    return Store.open(f"postgresql+psycopg://instar@127.0.0.1:{server.port}/instar", Sealer([key]))


def test_each_role_owns_its_databases_and_nothing_more(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    done = roles(server)
    assert done.returncode == 0, done.stderr
    check(server)
    with closing(store(server, monkeypatch, Fernet.generate_key().decode())) as opened:
        opened.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3), NOW)
        opened.ping()
    # What Temporal's schema needs beside tables.
    execute(server, "temporal", "temporal_visibility", "CREATE EXTENSION IF NOT EXISTS btree_gin")
    check(server)
    again = roles(server)
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
    check(server)


def test_a_password_that_was_changed_counts_after_the_next_run(server: PostgresServer) -> None:
    assert roles(server).returncode == 0
    assert roles(server, POSTGRES_INSTAR_PASSWORD="another").returncode == 0
    assert execute(server, "instar", "instar", "SELECT 1", password="another") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connected(server, "instar", "instar")


def as_before(server: PostgresServer, key: str) -> None:
    """What an earlier release has left: Instar's store, and things like those in Temporal's schema."""
    password = PASSWORDS["POSTGRES_PASSWORD"]
    for database in DATABASES:
        execute(server, "temporal", "postgres", f"CREATE DATABASE {database}", password=password)
    quoted = password.replace("'", "%27").replace(" ", "%20")
    url = f"postgresql+psycopg://temporal:{quoted}@127.0.0.1:{server.port}/instar"
    with closing(Store.open(url, Sealer([key]))) as opened:
        opened.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3), NOW)
    for database in ("temporal", "temporal_visibility"):
        execute(
            server,
            "temporal",
            database,
            "CREATE TABLE tasks (id BIGSERIAL PRIMARY KEY, other INT GENERATED ALWAYS AS IDENTITY, name TEXT)",
            "CREATE TABLE parts (id INT) PARTITION BY RANGE (id)",
            "CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (9)",
            "CREATE SEQUENCE loose",
            "CREATE VIEW names AS SELECT name FROM tasks",
            "CREATE MATERIALIZED VIEW kept AS SELECT name FROM tasks",
            "CREATE TYPE state AS ENUM ('on', 'off')",
            "CREATE TYPE pair AS (a INT, b INT)",
            "CREATE FUNCTION twice(n INT) RETURNS INT LANGUAGE sql AS 'SELECT 2 * n'",
            "CREATE EXTENSION btree_gin",
            "INSERT INTO tasks (name) VALUES ('begun')",
            password=password,
        )


@pytest.mark.parametrize("killed_after", ["nothing", "a second superuser", "the renaming"])
def test_a_server_of_an_earlier_release_is_taken_over_with_all_that_is_in_it(
    old_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, killed_after: str
) -> None:
    key, password = Fernet.generate_key().decode(), PASSWORDS["POSTGRES_PASSWORD"]
    as_before(old_server, key)
    if killed_after != "nothing":
        literal = password.replace("'", "''")
        execute(
            old_server,
            "temporal",
            "postgres",
            f"CREATE ROLE instar_renaming SUPERUSER LOGIN PASSWORD '{literal}'",
            password=password,
        )
    if killed_after == "the renaming":
        rename = "ALTER ROLE temporal RENAME TO postgres"
        execute(old_server, "instar_renaming", "postgres", rename, password=password)
    for _ in range(2):
        done = roles(old_server)
        assert done.returncode == 0, done.stderr
        check(old_server)
    everybody = "SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1"
    assert execute(old_server, "postgres", "postgres", everybody) == [("instar",), ("postgres",), ("temporal",)]
    with closing(store(old_server, monkeypatch, key)) as opened:
        assert opened.scale_sets.find(identity().resource_id) is not None
    for database in ("temporal", "temporal_visibility"):
        left = execute(
            old_server,
            "temporal",
            database,
            "ALTER TABLE tasks ADD COLUMN since TIMESTAMP",
            "ALTER TABLE part_1 ADD CONSTRAINT small CHECK (id < 9)",
            "ALTER TYPE state ADD VALUE 'lost'",
            "ALTER TYPE pair ADD ATTRIBUTE c INT",
            "ALTER SEQUENCE loose RESTART",
            "REFRESH MATERIALIZED VIEW kept",
            "CREATE OR REPLACE FUNCTION twice(n INT) RETURNS INT LANGUAGE sql AS 'SELECT n + n'",
            "CREATE EXTENSION IF NOT EXISTS btree_gin",
            "INSERT INTO tasks (name) VALUES ('more')",
            "SELECT id, other, name FROM tasks ORDER BY id",
        )
        assert left == [(1, 1, "begun"), (2, 2, "more")]


def test_a_wrong_password_of_the_superuser_is_told_with_what_to_do(server: PostgresServer) -> None:
    done = roles(server, POSTGRES_PASSWORD="not this one")
    assert done.returncode == 1
    assert "It keeps the password that it was first started with" in done.stderr
    assert "not this one" not in done.stdout + done.stderr


@pytest.mark.parametrize("missing", PASSWORDS)
def test_nothing_is_done_without_all_passwords(server: PostgresServer, missing: str) -> None:
    done = roles(server, **{missing: ""})
    assert done.returncode != 0
    assert missing in done.stderr
    assert execute(server, "postgres", "postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'instar'") == [(0,)]


FAKE_TOOL = """#!/bin/sh
echo "$*" >>"$ASKED"
case "$*" in
  *update-schema*) [ -e "$ASKED.set-up" ] || { echo "$SAYS"; exit 1; } ;;
  *setup-schema*) touch "$ASKED.set-up" ;;
esac
"""


@pytest.mark.parametrize(
    ("says", "is_empty"),
    [
        ('unable to read: pq: relation "schema_version" does not exist', True),
        ('{"error":"ERROR: relation \\"schema_version\\" does not exist (SQLSTATE 42P01)"}', True),
        ("dial tcp 10.0.0.2:5432: connect: connection refused", False),
        ("pq: password authentication failed for user temporal", False),
    ],
)
def test_a_database_is_set_up_only_where_postgresql_says_that_it_is_empty(
    tmp_path: Path, says: str, *, is_empty: bool
) -> None:
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text(FAKE_TOOL)
    tool.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked"), "SAYS": says}
    env |= {"SQL_HOST": "postgresql", "SQL_PORT": "5432", "SQL_USER": "temporal"}
    script = ["/bin/sh", str(ROOT / "deploy" / "temporal-schema.sh")]
    done = subprocess.run(script, env=env, capture_output=True, text=True, check=False)
    asked = (tmp_path / "asked").read_text()
    assert (done.returncode == 0) is is_empty, done.stderr
    assert ("setup-schema -v 0.0" in asked) is is_empty
    assert (says in done.stderr) is not is_empty
