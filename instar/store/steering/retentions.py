"""How long previous disks are kept, where somebody wished something for a set (docs/rules.md R1)."""

from datetime import timedelta

from sqlalchemy import delete, select

from instar.domain.steering.retention import Retention
from instar.store.database.database import Database
from instar.store.database.operators_tables import RETENTIONS
from instar.store.database.tables import SCALE_SETS


class Retentions:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, unique_id: str, wish: Retention) -> bool:
        """Write down, or replace, the wish for a set. False where the set is gone."""
        row = {
            "unique_id": unique_id,
            "keep_seconds": None if wish.keep is None else int(wish.keep.total_seconds()),
            **wish.model_dump(exclude={"keep"}),
        }
        with self._database.writing() as connection:
            there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            if connection.scalar(there) is None:
                return False
            self._database.upsert(connection, RETENTIONS, [row])
        return True

    def get(self, unique_id: str) -> Retention | None:
        """The wish for a set; None where the setting alone counts."""
        with self._database.reading() as connection:
            row = connection.execute(select(RETENTIONS).where(RETENTIONS.c.unique_id == unique_id)).one_or_none()
        if row is None:
            return None
        keep = None if row.keep_seconds is None else timedelta(seconds=row.keep_seconds)
        return Retention(keep=keep, until=row.until, reason=row.reason, by=row.by, since=row.since)

    def delete(self, unique_id: str) -> bool:
        """Take the wish away, and whether there was one. Idempotent."""
        with self._database.writing() as connection:
            done = connection.execute(delete(RETENTIONS).where(RETENTIONS.c.unique_id == unique_id))
        return bool(done.rowcount)
