"""Where each set stands with its automatic upgrades: one row a set, the newest word of its workflow (A4, T5).

The looks that are made for it while it is idle are another's (`instar.store.looks.looks`); readers get both as one.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, select

from instar.domain.records.scale_set_status import ScaleSetStatus, with_look
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.telling.events import events_of_status
from instar.store.database.database import Database
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS, SET_LOOKS
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
            if not status.enabled:
                connection.execute(delete(SET_LOOKS).where(SET_LOOKS.c.unique_id == unique_id))
            before = ScaleSetStatus() if written is None else ScaleSetStatus.model_validate_json(written.status)
            identity = ScaleSetIdentity(unique_id=unique_id, **found._mapping)  # noqa: SLF001  # its public name in SQLAlchemy
            return tell(self._database, connection, events_of_status(identity, before, status, at), at)

    def get(self, unique_id: str) -> ScaleSetStatus | None:
        """The newest, with the looks that are made for it; None where nothing was written: they were never on."""
        with self._database.reading() as connection:
            row = connection.execute(with_looks().where(SCALE_SET_STATUS.c.unique_id == unique_id)).one_or_none()
        return None if row is None else told(row)


def with_looks() -> Select[Any]:
    """What each set's workflow wrote down, and the looks that are made for it."""
    looks = (SET_LOOKS.c.looked_at, SET_LOOKS.c.outcome, SET_LOOKS.c.next_at)
    return select(SCALE_SET_STATUS.c.unique_id, SCALE_SET_STATUS.c.status, *looks).outerjoin(
        SET_LOOKS, SET_LOOKS.c.unique_id == SCALE_SET_STATUS.c.unique_id
    )


def told(row: Row[Any]) -> ScaleSetStatus:
    """What readers are told by a row of `with_looks`."""
    status = ScaleSetStatus.model_validate_json(row.status)
    return status if row.looked_at is None else with_look(status, row.looked_at, row.outcome, row.next_at)
