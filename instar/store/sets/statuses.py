"""Where each set stands with its automatic upgrades: one row a set, the newest word of its workflow (A4, T5)."""

from datetime import datetime

from sqlalchemy import select

from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.store.database.database import Database
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS


class Statuses:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, unique_id: str, status: ScaleSetStatus, at: datetime) -> None:
        """Replace what was written, unless that was decided later than `at`. A set that is gone stays gone."""
        row = {"unique_id": unique_id, "decided_at": at, "status": status.model_dump_json()}
        with self._database.writing() as connection:
            there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            if connection.scalar(there) is not None:
                self._database.upsert(connection, SCALE_SET_STATUS, [row], newest_by="decided_at")

    def get(self, unique_id: str) -> ScaleSetStatus | None:
        """The newest; None where nothing was written: automatic upgrades were never on."""
        with self._database.reading() as connection:
            text = connection.scalar(select(SCALE_SET_STATUS.c.status).where(SCALE_SET_STATUS.c.unique_id == unique_id))
        return None if text is None else ScaleSetStatus.model_validate_json(text)
