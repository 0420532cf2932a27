"""Where each set stands with its automatic upgrades: one row a set, the newest word of its workflow (A4, T5)."""

from datetime import datetime

from sqlalchemy import select

from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.telling.events import events_of_status
from instar.store.database.database import Database
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS
from instar.store.webhooks.deliveries import tell


class Statuses:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, unique_id: str, status: ScaleSetStatus, at: datetime) -> list[str]:
        """Replace what was written, unless that was decided later than `at`. A set that is gone stays gone.

        Ids of the webhooks that have something to deliver now: a quarantine, a set that is held (N1).
        """
        row = {"unique_id": unique_id, "decided_at": at, "status": status.model_dump_json()}
        columns = (SCALE_SETS.c.resource_id, SCALE_SETS.c.name, SCALE_SETS.c.location)
        with self._database.writing() as connection:
            there = select(*columns).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            found = connection.execute(there).one_or_none()
            if found is None:
                return []
            written = connection.execute(
                select(SCALE_SET_STATUS).where(SCALE_SET_STATUS.c.unique_id == unique_id)
            ).one_or_none()
            if written is not None and written.decided_at > at:
                return []
            self._database.upsert(connection, SCALE_SET_STATUS, [row])
            before = ScaleSetStatus() if written is None else ScaleSetStatus.model_validate_json(written.status)
            identity = ScaleSetIdentity(unique_id=unique_id, **found._mapping)  # noqa: SLF001  # its public name in SQLAlchemy
            return tell(self._database, connection, events_of_status(identity, before, status, at), at)

    def get(self, unique_id: str) -> ScaleSetStatus | None:
        """The newest; None where nothing was written: automatic upgrades were never on."""
        with self._database.reading() as connection:
            text = connection.scalar(select(SCALE_SET_STATUS.c.status).where(SCALE_SET_STATUS.c.unique_id == unique_id))
        return None if text is None else ScaleSetStatus.model_validate_json(text)
