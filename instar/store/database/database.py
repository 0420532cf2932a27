"""The two kinds of transaction, and the schema.

SQLite runs in WAL mode: readers never wait, and one writer at a time waits for the other up to `BUSY_TIMEOUT`. A
transaction that reads first and writes afterwards would be thrown out at once when another wrote in between, whatever
the time-out; so a writing transaction takes the write lock at its first word (BEGIN IMMEDIATE). On PostgreSQL a writing
transaction locks the rows that it decides from (SELECT … FOR UPDATE, which SQLite's dialect leaves out).
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import Insert, ReturningInsert

from instar.hosts.marks import UsedElsewhere, check
from instar.store.database.changes import Changes
from instar.store.database.engines import BUSY_TIMEOUT, WRITES, engine_of, file_of, translated
from instar.store.database.snapshots import AT_ONCE, CURRENT, Snapshot, of_context
from instar.store.errors import Unavailable, Unusable

LOCKED_PAUSE = timedelta(milliseconds=20)
"""Between two tries to switch a new SQLite file to its write-ahead log."""

SCHEMA_LOCK = 0x1257A2
"""The advisory lock on PostgreSQL under which one process at a time brings the schema to the newest."""

MIGRATIONS = Path(__file__).parent / "migrations"

_one_migration = threading.Lock()
"""Alembic keeps its context in module globals: two threads must not run it at once."""


class Database:
    """One database, reached by any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        postgresql = engine.dialect.name == "postgresql"
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT") if postgresql else engine
        self._changes = Changes(engine)
        self._room_for_snapshots = threading.BoundedSemaphore(AT_ONCE)

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect, and bring the schema to the newest; any number of processes and threads may do so at once.

        Raises Unusable (bad URL, schema newer than this Instar) or Unavailable, also while processes of another host
        use a file of SQLite.
        """
        if file := file_of(url):
            try:
                check(file)
            except UsedElsewhere as error:
                raise Unavailable(str(error)) from None
        database = cls(engine_of(url))
        try:
            database.bring_up_to_date()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def as_it_is(cls, url: str) -> Self:
        """The same without bringing the schema to the newest: for whoever only looks. Connects at the first question.

        Raises Unusable for a bad URL.
        """
        return cls(engine_of(url))

    def revision(self) -> str:
        """Of its schema; "" of a database that has none of ours. Raises Unusable, Unavailable."""
        with self.reading() as connection:
            return _revision(connection) or ""

    @property
    def engine(self) -> Engine:
        """For tests and tools; the parts of the store use the transactions."""
        return self._engine

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._changes.close()
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, on one consistent view of SQLite; within a snapshot that of the snapshot.

        On PostgreSQL each of its statements sees what was committed before it, as in any transaction there: so none is
        begun, and a read is one way to the server and back instead of three.
        """
        snapshot = of_context(self._engine)
        with translated():
            if snapshot is not None:
                with snapshot.reading() as shared:
                    if shared is not None:
                        yield shared
                        return
            with self._reading.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write: all of it or nothing. A snapshot that it is made in ends: it would not show."""
        with translated(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
        if snapshot := of_context(self._engine):
            snapshot.end()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """What is read in this context is read through one transaction, as far as that goes (`snapshots`).

        Whoever opens it closes it, by `Snapshot.close`: that may wait for a database far away.
        """
        snapshot = Snapshot(self._engine, self._room_for_snapshots)
        token = CURRENT.set(snapshot)
        try:
            yield snapshot
        finally:
            CURRENT.reset(token)

    @property
    def is_here(self) -> bool:
        """Whether it is a file of this machine: to end a transaction there takes no time."""
        return self._engine.dialect.name == "sqlite"

    def version(self) -> tuple[int, int] | None:
        """Equal for as long as nobody has written anything; None where that cannot be told (`changes`)."""
        return self._changes.version()

    def upsert(
        self,
        connection: Connection,
        table: Table,
        rows: list[dict[str, Any]],
        *,
        keep: Iterable[str] = (),
        newest_by: str | None = None,
    ) -> None:
        """Write rows, replacing those of the same primary key but for the columns in `keep`.

        With `newest_by`, a row replaces only one whose value in that column is not higher. All rows go in one
        executemany.
        """
        if not rows:
            return
        connection.execute(_upsert(connection.dialect.name, table, frozenset(keep), newest_by), rows)

    def insert_new(self, connection: Connection, table: Table, row: dict[str, Any]) -> bool:
        """Write one row unless a unique one of its kind is there; whether it was written."""
        return connection.execute(_insert_new(connection.dialect.name, table), row).one_or_none() is not None

    def bring_up_to_date(self) -> None:
        """Run the migrations that this database lacks, under a lock, in one transaction."""
        config = _migrations()
        head = _newest_revision()
        with self.reading() as connection:
            if _revision(connection) == head:
                return
        if self._engine.dialect.name == "sqlite":
            self._use_write_ahead_log()
        with _one_migration, self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise Unusable(
                    f"the database is at schema {_revision(connection)}, which this Instar does not know "
                    f"(its newest is {head}): start the newer Instar that wrote it"
                ) from error

    def _use_write_ahead_log(self) -> None:
        # Two processes that switch a new file at the same moment: one is refused at once, without regard to the
        # busy time-out. The mode stays in the file, so a moment later it is there.
        with (
            translated(),
            closing(self._engine.raw_connection()) as connection,
            closing(connection.cursor()) as cursor,
        ):
            for _ in range(int(BUSY_TIMEOUT / LOCKED_PAUSE)):
                try:
                    cursor.execute("PRAGMA journal_mode=WAL")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                        raise Unusable(f"the database cannot be used: {error}") from error
                    time.sleep(LOCKED_PAUSE.total_seconds())
                else:
                    return
        raise Unavailable("the database stayed locked by another process: try again, or end that one")


# Statements are made once: to make one takes SQLAlchemy longer than to run it.


@cache
def _upsert(dialect: str, table: Table, kept: frozenset[str], newest_by: str | None) -> Insert:
    insert = sqlite_insert(table) if dialect == "sqlite" else postgresql_insert(table)
    return insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={c.name: insert.excluded[c.name] for c in table.columns if not c.primary_key and c.name not in kept},
        where=None if newest_by is None else insert.excluded[newest_by] >= table.c[newest_by],
    )


@cache
def _insert_new(dialect: str, table: Table) -> ReturningInsert[Any]:
    insert = sqlite_insert(table) if dialect == "sqlite" else postgresql_insert(table)
    # Asked by RETURNING: the row count of an insert is not kept by every driver.
    return insert.on_conflict_do_nothing().returning(*table.primary_key.columns)


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def revisions() -> tuple[str, ...]:
    """Every schema that this release knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_migrations()).walk_revisions())


@cache
def _newest_revision() -> str | None:
    """Of this release: found once, since every migration is read for it."""
    return ScriptDirectory.from_config(_migrations()).get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
