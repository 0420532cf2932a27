"""A copy of an SQLite database of one moment, made while others write (SQLite's online backup).

The source is read in one transaction of ours. On a write-ahead log nobody waits for it. Temporal's development server
keeps a rollback journal instead: its writes wait until the file is read, and go on by themselves.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from instar.errors import Trouble

PAGES = 4096
"""Copied between two words about the progress: 16 MB of pages of the usual size."""

WAIT_SECONDS = 60.0
"""For whoever is just writing."""

Progress = Callable[[int, int], None]
"""Told how much of how much is done."""


def copy_database(source: Path, target: Path, progress: Progress) -> None:
    """Copy, check the copy and have it on the disk; private to the user. Raises Trouble and OSError."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        uri = f"{source.absolute().as_uri()}?mode=rw"
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None)) as there,
            closing(sqlite3.connect(target, isolation_level=None)) as here,
        ):
            # A step of the backup joins the transaction that is open: without it every write between two steps would
            # make it begin anew, and under steady writes it would never end.
            there.execute("BEGIN")
            there.execute("SELECT count(*) FROM sqlite_master").fetchone()
            there.backup(here, pages=PAGES, progress=lambda _, left, total: progress(total - left, total), sleep=0)
            there.execute("ROLLBACK")
        with closing(_as_it_lies(target)) as copy:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise Trouble(_why(source, target, error)) from None
    if found != "ok":
        raise Trouble(f"{source} is damaged: {found}; an older backup may be whole")
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def ask(copy: Path, question: str) -> list[tuple[object, ...]]:
    """Rows out of a copy that nobody writes; none where it has no such table."""
    try:
        with closing(_as_it_lies(copy)) as connection:
            return list(connection.execute(question))
    except sqlite3.Error:
        return []


def _as_it_lies(copy: Path) -> sqlite3.Connection:
    """Read without locks, and without files made beside it."""
    return sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _why(source: Path, target: Path, error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return f"{target.parent} is full or cannot be written ({error})"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{source} stayed locked by a writer for {WAIT_SECONDS:g} s; try again"
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return f"{source} is damaged: {error}; an older backup may be whole"
        case _:
            return f"cannot copy {source}: {error}"
