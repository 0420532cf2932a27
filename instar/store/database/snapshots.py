"""One view for all that a request reads: a transaction that its first read opens and the others share.

It is a loan, not a lock: it ends by itself when it grows old, when its owner writes, and when an error breaks it. The
next read then opens another. So nobody keeps a connection, or SQLite's log from being folded in, for as long as
something else answers slowly.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

LASTS_SECONDS = 1.0
"""How long one transaction is read through."""

AT_ONCE = 5
"""Connections that snapshots hold together, of the fifteen of the engine's pool: a read beyond has its own."""


class Snapshot:
    """What whoever is in its context reads through, from any thread. Close it."""

    def __init__(self, engine: Engine, room: threading.Semaphore) -> None:
        self.engine = engine
        self._room = room
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._since = 0.0
        self._closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """The connection of all reads; None where there is no room for one, or it is over."""
        with self._lock:
            if self._connection is not None and self.age >= LASTS_SECONDS:
                self.end()
            if self._connection is None and not self._open():
                yield None
                return
            try:
                yield self._connection
            except BaseException:
                # On PostgreSQL a transaction in which a statement failed answers nothing more.
                self.end()
                raise

    @property
    def age(self) -> float:
        """Seconds since the transaction was opened."""
        return time.monotonic() - self._since

    @property
    def is_open(self) -> bool:
        """Whether it holds a connection."""
        return self._connection is not None

    def end(self) -> None:
        """Give the connection back. The next read sees what is there by then. Idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    with contextlib.suppress(SQLAlchemyError):  # then the pool has thrown it away
                        connection.close()
                finally:
                    self._room.release()

    def close(self) -> None:
        """The same, for good: whoever is still in its context reads for itself. Idempotent."""
        with self._lock:
            self._closed = True
            self.end()

    def close_at_once(self) -> bool:
        """The same, if nobody is just reading through it; whether it is closed."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.close()
        finally:
            self._lock.release()
        return True

    def _open(self) -> bool:
        if self._closed or not self._room.acquire(blocking=False):
            return False
        try:
            connection = self.engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
        except BaseException:
            self._room.release()
            raise
        self._connection, self._since = connection, time.monotonic()
        return True


CURRENT: ContextVar[Snapshot | None] = ContextVar("instar_snapshot", default=None)
"""That of whoever asks."""


def of_context(engine: Engine) -> Snapshot | None:
    """The one that reads of this engine are made through here, if any."""
    snapshot = CURRENT.get()
    return snapshot if snapshot is not None and snapshot.engine is engine else None
