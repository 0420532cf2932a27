"""Locks by name that all processes of a store on PostgreSQL see, on whatever host: for turns at what is not in it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import text

from instar.store.database.engines import engine_of, translated

WAIT = timedelta(minutes=1)
"""For whoever has the lock: as long as a hypervisor is given to answer."""

AT_ONCE = 8
"""Connections that are kept; more are opened while more locks are held, and closed again."""

MORE = 120
"""Of threads that may hold two locks each."""


class GateLocks:
    """Advisory locks, each as long as a transaction of its own: it goes with whoever holds it, like the connection."""

    def __init__(self, url: str) -> None:
        """Raises Unusable. Connects at the first lock, with connections of its own: the store's stay for the store."""
        self._engine = engine_of(url, pool_size=AT_ONCE, max_overflow=MORE)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._engine.dispose()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for the lock of that name and hold it. Raises Unavailable when it is not had within WAIT.

        Also when it turns out at the end that it was lost meanwhile, with the connection: then what was done may have
        been done beside somebody else, and is to be looked at again.
        """
        with translated(), self._engine.connect() as connection, connection.begin():
            connection.execute(text(f"SET LOCAL lock_timeout = '{int(WAIT.total_seconds() * 1000)}'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key_of(name)})
            yield


def key_of(name: str) -> int:
    """The number that PostgreSQL knows a lock by. Two names with one number would only wait for each other.

    >>> key_of("web_0b6c_7") == key_of("web_0b6c_7"), key_of("web_0b6c_7") == key_of("web_0b6c_8")
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"instar gate {name}".encode()).digest()[:8], "big", signed=True)
