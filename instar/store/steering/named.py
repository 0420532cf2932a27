"""What operators store under a name of its own, with an entity tag: limits and rings (docs/rules.md W4, W5)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select

from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.errors import QuotaExceeded

Allowed = Callable[[str], None]
"""Is given the entity tag of what is there, "" where nothing is; raises what keeps it from being changed."""


@dataclass(frozen=True)
class Named:
    """A document, and who stored it, when and why."""

    name: str
    document: dict[str, Any]
    etag: str
    """Drawn at each change, so that none ever comes again; without quotes."""
    changed_at: datetime
    changed_by: str
    reason: str


class NamedDocuments:
    """One table of them; names are compared without regard to case.

    Methods are synchronous and short: call them by `asyncio.to_thread` from a loop.
    """

    def __init__(self, database: Database, table: Table, what: str, at_most: int) -> None:
        self._database = database
        self._table = table
        self._what = what
        self._at_most = at_most

    def find(self, name: str) -> Named | None:
        """The one of that name."""
        with self._database.reading() as connection:
            return self._read(connection, name)

    def all(self) -> list[Named]:
        """Every one, by name."""
        with self._database.reading() as connection:
            return [_named(row) for row in connection.execute(select(self._table).order_by(self._table.c.name_key))]

    def put(self, wish: Named, allowed: Allowed) -> tuple[Named, bool]:
        """Store it, and whether there was none before; what is there already, word for word, is left as it is.

        Raises QuotaExceeded, and whatever `allowed` raises.
        """
        with self._database.writing() as connection:
            before = self._read(connection, wish.name, lock=True)
            allowed(before.etag if before else "")
            if before and (before.document, before.reason) == (wish.document, wish.reason):
                return before, False
            count = connection.scalar(select(func.count()).select_from(self._table)) or 0
            if before is None and count >= self._at_most:
                raise QuotaExceeded(self._what, self._at_most)
            row = {"name_key": folded(wish.name), **wish.__dict__}
            self._database.upsert(connection, self._table, [row])
            return wish, before is None

    def delete(self, name: str, allowed: Allowed) -> bool:
        """Remove it, and whether there was one. Raises whatever `allowed` raises."""
        with self._database.writing() as connection:
            before = self._read(connection, name, lock=True)
            allowed(before.etag if before else "")
            connection.execute(delete(self._table).where(self._table.c.name_key == folded(name)))
            return before is not None

    def _read(self, connection: Connection, name: str, *, lock: bool = False) -> Named | None:
        query = select(self._table).where(self._table.c.name_key == folded(name))
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        return _named(row) if row else None


def wished(name: str, document: dict[str, Any], at: datetime, by: str, reason: str) -> Named:
    """A new document, with a tag of its own."""
    return Named(name, document, str(uuid.uuid4()), at, by, reason)


def _named(row: Row[Any]) -> Named:
    return Named(row.name, row.document, row.etag, row.changed_at, row.changed_by, row.reason)
