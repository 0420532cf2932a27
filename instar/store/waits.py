"""What the operations and upgrades of a set wait for while something is tried again and again (docs/rules.md F10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, literal, select, union_all, update

from instar.domain.records.operations import OperationStatus
from instar.store.database.columns import Instant
from instar.store.database.database import Database
from instar.store.database.tables import OPERATIONS, UPGRADES


@dataclass(frozen=True)
class Wait:
    """Why something is tried again, as a sentence, and since when."""

    reason: str
    since: datetime


class Waits:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def say(self, unique_id: str, number: int, reason: str, now: datetime) -> None:
        """What runs of the set, and the upgrade of that number (0: none), waits for that; "": it goes on."""
        of_set = (OPERATIONS.c.scale_set_unique_id == unique_id, OPERATIONS.c.status == OperationStatus.IN_PROGRESS)
        of_upgrade = (UPGRADES.c.unique_id == unique_id, UPGRADES.c.number == number)
        if not reason and not self._waits(of_set, of_upgrade):
            return  # said before each batch, and hardly ever anything new: no writer is kept waiting for that
        with self._database.writing() as connection:
            for table, conditions in ((OPERATIONS, of_set), (UPGRADES, of_upgrade)):
                since = func.coalesce(table.c.waits_since, bindparam("now", now, Instant)) if reason else None
                connection.execute(
                    update(table)
                    .where(*conditions, table.c.waits_for != reason)
                    .values(waits_for=reason, waits_since=since)
                )

    def _waits(self, of_set: Sequence[ColumnElement[bool]], of_upgrade: Sequence[ColumnElement[bool]]) -> bool:
        """Whether anything of these waits for something."""
        operations = select(literal(1)).where(*of_set, OPERATIONS.c.waits_for != "")
        upgrades = select(literal(1)).where(*of_upgrade, UPGRADES.c.waits_for != "")
        with self._database.reading() as connection:
            return connection.execute(union_all(operations, upgrades)).first() is not None

    def of_upgrade(self, unique_id: str, number: int) -> Wait | None:
        """What an upgrade that has not ended waits for."""
        row = select(UPGRADES.c.waits_for, UPGRADES.c.waits_since).where(
            UPGRADES.c.unique_id == unique_id, UPGRADES.c.number == number, UPGRADES.c.ended.is_(False)
        )
        with self._database.reading() as connection:
            found = connection.execute(row).one_or_none()
        return Wait(found.waits_for, found.waits_since) if found and found.waits_since else None

    def of_set(self, unique_id: str) -> Wait | None:
        """What anything that runs of the set has waited for the longest."""
        operations = select(OPERATIONS.c.waits_for, OPERATIONS.c.waits_since).where(
            OPERATIONS.c.scale_set_unique_id == unique_id,
            OPERATIONS.c.status == OperationStatus.IN_PROGRESS,
            OPERATIONS.c.waits_since.is_not(None),
        )
        upgrades = select(UPGRADES.c.waits_for, UPGRADES.c.waits_since).where(
            UPGRADES.c.unique_id == unique_id, UPGRADES.c.ended.is_(False), UPGRADES.c.waits_since.is_not(None)
        )
        with self._database.reading() as connection:
            found = [Wait(*row) for row in (*connection.execute(operations), *connection.execute(upgrades))]
        return min(found, key=lambda one: (one.since, one.reason), default=None)
