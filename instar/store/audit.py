"""The audit log: who did what, and what came of it. Added to; what is older than it is kept for is forgotten."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from instar.store.database.database import Database
from instar.store.database.tables import AUDIT

ENTRIES_AT_MOST = 10_000


@dataclass(frozen=True)
class Entry:
    """One request that changed, or would have changed, something."""

    at: datetime
    principal: str
    """Client id or subject; "" where the caller could not be told."""
    name: str
    """What the principal is called."""
    action: str
    """As ARM names it."""
    resource: str
    """The path."""
    status: int
    """HTTP status of the answer."""
    request_id: str
    """The operation's id, where the answer began one."""


class Audit:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> None:
        """Write an entry."""
        with self._database.writing() as connection:
            connection.execute(
                insert(AUDIT).values(
                    at=entry.at,
                    principal=entry.principal,
                    name=entry.name,
                    action=entry.action,
                    resource=entry.resource,
                    status=entry.status,
                    request_id=entry.request_id,
                )
            )

    def forget(self, before: datetime) -> int:
        """Remove what is older than that; how many entries."""
        with self._database.writing() as connection:
            done = connection.execute(delete(AUDIT).where(AUDIT.c.at < before))
        return int(done.rowcount)

    def newest(self, count: int, resource: str = "") -> list[Entry]:
        """The newest entries, the newest first; of a path and all below it."""
        query = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(min(max(count, 0), ENTRIES_AT_MOST))
        if resource:
            query = query.where(AUDIT.c.resource.icontains(resource, autoescape=True))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            Entry(
                at=row.at,
                principal=row.principal,
                name=row.name,
                action=row.action,
                resource=row.resource,
                status=row.status,
                request_id=row.request_id,
            )
            for row in rows
        ]
