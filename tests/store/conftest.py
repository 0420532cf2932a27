"""A store on SQLite, and the same on a real PostgreSQL server when the machine has its binaries."""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from store.sealing import Sealer
from store.store import Store

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server on a free loopback port; the URL of its first database, without the name."""
    programs = _programs()
    if programs is None:
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres)")
    user = _other_user()
    base = Path(tempfile.mkdtemp(prefix="instar-postgres-"))
    if user is not None:
        os.chown(base, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    try:
        subprocess.run(  # noqa: S603  # the program was found by us
            [
                programs / "initdb",
                "-D",
                base / "data",
                "-U",
                "instar",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd=base,
        )
        port = _free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
            "log_destination": "stderr",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (
            (base.with_suffix(".log")).open("wb") as log,
            subprocess.Popen(  # noqa: S603  # as above
                [programs / "postgres", "-D", base / "data", *flags], stdout=log, stderr=log, user=user, cwd=base
            ) as server,
        ):
            try:
                _await(server, port, base.with_suffix(".log"))
                yield f"postgresql://instar@127.0.0.1:{port}"
            finally:
                server.terminate()
                try:
                    server.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    server.kill()
    finally:
        shutil.rmtree(base, ignore_errors=True)
        base.with_suffix(".log").unlink(missing_ok=True)


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


def _programs() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name.split(".")[0]))
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program and shutil.which("postgres") else None


def _other_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            psycopg.connect(f"postgresql://instar@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
