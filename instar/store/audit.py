"""The audit log: who did what, and what came of it.

Added to; what is refused over and over is one entry with a count. What is older than the log is kept for is forgotten,
and of more entries than it may have, first refusals, then the oldest.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from instar.store.database.database import Database
from instar.store.database.tables import AUDIT

ENTRIES_AT_MOST = 10_000

SAME_WITHIN = timedelta(hours=1)
"""A refusal that repeats one is counted with it for so long."""

FIRST_REFUSAL = 400
"""HTTP statuses from here on are refusals."""


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
    repeats: int = 0
    """How often the very same was refused once more within `SAME_WITHIN`."""
    last_at: datetime | None = None
    """When it was refused last; None where it was once."""
    reason: str = ""
    """Why, in the words of whoever did it, where they were asked for."""


class Audit:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> None:
        """Write an entry, or count a refusal with the one that it repeats."""
        with self._database.writing() as connection:
            if entry.status >= FIRST_REFUSAL and _counted(connection, entry):
                return
            connection.execute(
                insert(AUDIT).values(
                    at=entry.at,
                    principal=entry.principal,
                    name=entry.name,
                    action=entry.action,
                    resource=entry.resource,
                    status=entry.status,
                    request_id=entry.request_id,
                    reason=entry.reason,
                )
            )

    def forget(self, before: datetime) -> int:
        """Remove what is older than that; how many entries."""
        with self._database.writing() as connection:
            done = connection.execute(delete(AUDIT).where(AUDIT.c.at < before))
        return int(done.rowcount)

    def shorten(self, most: int) -> int:
        """Remove what is more than `most` entries: refusals first, then others, the oldest first; how many."""
        with self._database.writing() as connection:
            there = connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
            gone = _removed(connection, select(AUDIT.c.number).where(AUDIT.c.status >= FIRST_REFUSAL), there - most)
            return gone + _removed(connection, select(AUDIT.c.number), there - gone - most)

    def last_of_each(self) -> dict[str, datetime]:
        """When each principal last changed something, or would have, as far back as the log goes."""
        query = select(AUDIT.c.principal, func.max(AUDIT.c.at).label("at")).group_by(AUDIT.c.principal)
        with self._database.reading() as connection:
            return {row.principal: row.at for row in connection.execute(query)}

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
                repeats=row.repeats,
                last_at=row.last_at,
                reason=row.reason,
            )
            for row in rows
        ]


def _counted(connection: Connection, entry: Entry) -> bool:
    """Whether it repeats an entry and was counted there."""
    same = (
        select(func.max(AUDIT.c.number))
        .where(
            AUDIT.c.principal == entry.principal,
            AUDIT.c.at > entry.at - SAME_WITHIN,
            AUDIT.c.action == entry.action,
            AUDIT.c.resource == entry.resource,
            AUDIT.c.status == entry.status,
            AUDIT.c.name == entry.name,
        )
        .scalar_subquery()
    )
    counting = update(AUDIT).where(AUDIT.c.number == same).values(repeats=AUDIT.c.repeats + 1, last_at=entry.at)
    return bool(connection.execute(counting).rowcount)


def _removed(connection: Connection, numbers: Select[Any], count: int) -> int:
    if count <= 0:
        return 0
    oldest = numbers.order_by(AUDIT.c.number).limit(count).scalar_subquery()
    return int(connection.execute(delete(AUDIT).where(AUDIT.c.number.in_(oldest))).rowcount)
