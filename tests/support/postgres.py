"""A real PostgreSQL server of a test's own, where the machine has its binaries."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import psycopg

STOP_SECONDS = 20


@dataclass(frozen=True)
class PostgresServer:
    """Its cluster, port and command; who starts it may also kill it."""

    programs: Path
    base: Path
    port: int
    user: str | None
    """Whose process it is: PostgreSQL refuses to run as root."""

    superuser: str = "instar"

    @staticmethod
    def can_run() -> bool:
        """Whether this machine has the binaries."""
        return _programs() is not None

    @classmethod
    @contextmanager
    def made(cls, superuser: str = "instar", password: str = "") -> Iterator[Self]:
        """A cluster that goes away at the end; without a password it trusts everybody.

        Raises AssertionError where `can_run` says no.
        """
        programs, user = _programs(), _other_user()
        assert programs is not None, "no PostgreSQL server here"
        base = Path(tempfile.mkdtemp(prefix="instar-postgres-"))
        try:
            if user is not None:
                os.chown(base, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
            how = ["-U", superuser, "-A", "scram-sha-256" if password else "trust", "-E", "UTF8", "--no-locale", "-N"]
            if password:
                (base / "password").write_text(password)
                (base / "password").chmod(0o644)
                how += ["--pwfile", str(base / "password")]
            subprocess.run(  # noqa: S603  # the program was found by us
                [programs / "initdb", "-D", base / "data", *how], check=True, capture_output=True, user=user, cwd=base
            )
            yield cls(programs, base, _free_port(), user, superuser)
        finally:
            shutil.rmtree(base, ignore_errors=True)

    @property
    def url(self) -> str:
        """Its databases' URL, without the name of one."""
        return f"postgresql://{self.superuser}@127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """What starts it, in the foreground, on loopback only."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "log_destination": "stderr",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.base / "data"), *flags]

    @contextmanager
    def started(self, log: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
        """The running server, stopped at the end."""
        with subprocess.Popen(  # noqa: S603  # as above
            self.command, stdout=log, stderr=log, user=self.user, cwd=self.base
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(timeout=STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()

    @contextmanager
    def running(self, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
        """The same once it takes connections; what it says goes to `log`. Raises RuntimeError when it does not."""
        with log.open("wb") as out, self.started(out) as process:
            self.wait_for(process, log)
            yield process

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(f"{self.url}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError as error:
            # One that asks for a password is there.
            return "password" in str(error)
        return True

    def wait_for(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """Until it takes connections. Raises RuntimeError with its log when it does not."""
        for _ in range(300):
            if process.poll() is not None:
                break
            if self.answers():
                return
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _programs() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name.split(".")[0]))
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program and shutil.which("postgres") else None


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
