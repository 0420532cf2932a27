"""The store in PostgreSQL: dumped and put back by PostgreSQL's own programs.

The password goes to them in their environment, never in an argument, which every user of the machine could read.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shlex import join
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.store.database.engines import CONNECT_TIMEOUT, parsed_url

_HIDDEN = ("password", "sslpassword")


def dump_command(settings: Settings, target: Path) -> list[str]:
    """What dumps the store into a file; without its password."""
    return ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={_shown(settings)}"]


def restore_command(settings: Settings, dump: Path) -> list[str]:
    """What puts a dump back into an empty database: all of it or nothing."""
    return [
        *("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
        *(f"--dbname={_shown(settings)}", str(dump)),
    ]


def check_program(command: list[str], otherwise: str) -> None:
    """Raises Trouble with the command that is to be run by hand."""
    if shutil.which(command[0]) is None:
        raise Trouble(
            f"{command[0]} is not installed here (PostgreSQL's client programs); {otherwise}: {join(command)}"
        )


def run(command: list[str], settings: Settings) -> None:
    """Run one of the two. Raises Trouble with what it said."""
    program = shutil.which(command[0])
    if program is None:
        raise Trouble(f"{command[0]} is not installed here: install PostgreSQL's client programs")
    given = _given(settings)
    env = os.environ | {"PGCONNECT_TIMEOUT": str(int(CONNECT_TIMEOUT.total_seconds()))}
    if "password" in given:
        env["PGPASSWORD"] = str(given["password"])
    done = subprocess.run(  # noqa: S603  # PostgreSQL's own programs, no shell
        [program, *command[1:], "--no-password"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = _without(done.stderr.strip()[-1000:], given) or "nothing"
        raise Trouble(f"{command[0]} ended with status {done.returncode} and said: {said}")


def tables(settings: Settings) -> int:
    """How many tables there are in the database. Raises Trouble where it does not answer."""
    query = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    row = _one(settings, query)
    return int(row[0]) if row else 0


def schema_version(settings: Settings) -> str:
    """The store's schema. Raises Trouble where there is none, or it does not answer."""
    row = _one(settings, "SELECT version_num FROM alembic_version")
    return str(row[0]) if row else ""


def _one(settings: Settings, query: str) -> tuple[Any, ...] | None:
    given = _given(settings) | {"connect_timeout": int(CONNECT_TIMEOUT.total_seconds())}
    try:
        with psycopg.connect(**given) as connection:
            return connection.execute(query.encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        raise Trouble("the database that INSTAR_DATABASE_URL names holds no store of Instar") from None
    except psycopg.Error as error:
        raise Trouble(f"the database does not answer: {_without(str(error).strip(), given)}") from None


def _given(settings: Settings) -> dict[str, Any]:
    url = parsed_url(settings.store_url)
    given = dict(url.get_dialect()().create_connect_args(url)[1])
    given.pop("context", None)
    return given


def _shown(settings: Settings) -> str:
    given = {name: value for name, value in _given(settings).items() if name not in _HIDDEN}
    return make_conninfo(**given)


def _without(text: str, given: Mapping[str, Any]) -> str:
    for name in _HIDDEN:
        if given.get(name):
            text = text.replace(str(given[name]), "…")
    return text
