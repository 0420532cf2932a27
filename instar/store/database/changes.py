"""Whether anything was written since: what was read of an unchanged database need not be read again.

SQLite tells it (`PRAGMA data_version`): on one connection the number is the same for as long as no other connection,
of whatever process, has committed anything. That is a read of its shared memory, some microseconds, and never waits.
PostgreSQL has nothing like it.
"""

import contextlib
import sqlite3
import threading

from sqlalchemy import Engine


class Changes:
    """Of one database. Close it."""

    def __init__(self, engine: Engine) -> None:
        self._path = engine.url.database if engine.dialect.name == "sqlite" else None
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened = 0
        self._closed = False

    def version(self) -> tuple[int, int] | None:
        """Equal for as long as nothing was committed; None where that cannot be told just now, or ever.

        Read it before what it is to vouch for. From any thread, an event loop's too.
        """
        if self._path is None:
            return None
        with self._lock:
            try:
                number = self._asked()
            except sqlite3.Error:
                self._drop()
                return None
            return self._opened, number

    def close(self) -> None:
        """Idempotent; after it nothing can be told."""
        with self._lock:
            self._closed = True
            self._drop()

    def _asked(self) -> int:
        if self._closed:
            raise sqlite3.ProgrammingError("closed")
        if self._connection is None:
            # Read-only, so that asking never makes a file; without patience, so that it never waits for another.
            self._connection = sqlite3.connect(
                f"file:{_quoted(self._path or '')}?mode=ro",
                uri=True,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
            self._opened += 1  # numbers of two connections say nothing of each other
        [(number,)] = self._connection.execute("PRAGMA data_version").fetchall()
        return int(number)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _quoted(path: str) -> str:
    """A path within a URI of SQLite's.

    >>> _quoted("/a b/50%?#.db")
    '/a b/50%25%3f%23.db'
    """
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
