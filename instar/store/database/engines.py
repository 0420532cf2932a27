"""The engine of a store's URL: how connections to SQLite and to PostgreSQL are made, and what their errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError

from instar.store.database.postgresql import CONNECTIONS_KEPT, look_after
from instar.store.errors import Unavailable, Unusable

BUSY_TIMEOUT = timedelta(seconds=10)
"""How long a writer waits for another one on SQLite: far above any of the store's own transactions."""

CONNECT_TIMEOUT = timedelta(seconds=10)
"""How long a connection to PostgreSQL may take to be made; libpq's own default is for ever."""

KEPT_OPEN = 15
"""Connections to an SQLite file that are kept, and no more are made: a new one reads the whole schema first, which
takes longer than most transactions."""

WRITES = "instar_writes"
"""The execution option by which the begin hook tells a writing transaction."""


def engine_of(url: str, **pool: Any) -> Engine:
    """The engine of a store's URL; `pool`: SQLAlchemy's options of its pool, on PostgreSQL. Raises Unusable."""
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed,
            **{"pool_size": CONNECTIONS_KEPT} | pool,
            # Parameters hold documents and tokens, and SQLAlchemy would put them into its error texts (F5).
            hide_parameters=True,
            connect_args={"connect_timeout": int(CONNECT_TIMEOUT.total_seconds())},
        )
        look_after(engine)
        return engine
    engine = create_engine(parsed, hide_parameters=True, pool_size=KEPT_OPEN, max_overflow=0)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def file_of(url: str) -> Path | None:
    """The file of a store on SQLite; None of one on PostgreSQL. Raises Unusable."""
    parsed = parsed_url(url)
    return Path(str(parsed.database)).absolute() if parsed.get_backend_name() == "sqlite" else None


def parsed_url(url: str) -> URL:
    """The store's URL, with the driver that is used for it. Raises Unusable, which repeats nothing of the text."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text may hold a password: it is not repeated.
        raise Unusable(
            "the store's URL (INSTAR_DATABASE_URL) cannot be read; it looks like sqlite:////path/file.db or "
            "postgresql://user@host/database"
        ) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if parsed.database in (None, "", ":memory:"):
                raise Unusable(
                    "an SQLite database in memory cannot be shared: give a file, as in sqlite:////path/file.db"
                )
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise Unusable(
                f"the store's URL (INSTAR_DATABASE_URL) begins with sqlite: or postgresql:, not with '{other}'"
            )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Without this the driver begins transactions by itself, at the first write, and never for DDL.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT.total_seconds() * 1000)}").close()
    connection.execute("PRAGMA foreign_keys=ON").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database as the store has them. Raises Unavailable, Unusable."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"the database does not answer: {error.orig}") from error
    except DatabaseError as error:
        # SQLite says so, in this class itself, of a file that is none of its own; all below it has other meanings.
        if type(error) is DatabaseError:
            raise Unusable(f"the database cannot be used: {error.orig}") from error
        raise
