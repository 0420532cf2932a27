"""Rings, and how far versions have come in them (docs/rules.md W5).

What is wished is written by the API, how far it has come by the keeper of those rings alone.
"""

from datetime import datetime

from sqlalchemy import Row, select

from instar.domain.steering.rings.plans import RingPlan
from instar.domain.steering.rings.progress import RingProgress
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.operators_tables import RING_PROGRESS, RINGS
from instar.store.steering.named import Named, NamedDocuments

PLANS_AT_MOST = 50
"""All are read at each look of a set."""

Known = tuple[RingPlan, RingProgress]


class Rings:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.documents = NamedDocuments(database, RINGS, "rings", PLANS_AT_MOST)

    def all(self) -> list[Known]:
        """All rings with how far versions have come in them, by name."""
        query = select(RINGS, RING_PROGRESS.c.document.label("seen")).outerjoin(
            RING_PROGRESS, RING_PROGRESS.c.name_key == RINGS.c.name_key
        )
        with self._database.reading() as connection:
            return [_known(row) for row in connection.execute(query.order_by(RINGS.c.name_key))]

    def looked_at(self, name: str) -> tuple[RingProgress, datetime | None]:
        """How far versions have come in the rings of that name, and when that was seen; None: not yet."""
        query = select(RING_PROGRESS).where(RING_PROGRESS.c.name_key == folded(name))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return (RingProgress.model_validate(row.document), row.looked_at) if row else (RingProgress(), None)

    def saw(self, name: str, progress: RingProgress, now: datetime) -> bool:
        """Write down how far they have come; False where the rings are gone, or were written anew meanwhile."""
        of_name = RINGS.c.name_key == folded(name)
        with self._database.writing() as connection:
            if connection.scalar(select(RINGS.c.etag).where(of_name).with_for_update()) != progress.etag:
                return False
            row = {
                "name_key": folded(name),
                "etag": progress.etag,
                "document": progress.model_dump(mode="json"),
                "looked_at": now,
            }
            self._database.upsert(connection, RING_PROGRESS, [row])
        return True


def plan_of(stored: Named) -> RingPlan:
    """The rings of a stored document."""
    return RingPlan.model_validate({**stored.document, "name": stored.name, "etag": stored.etag})


def _known(row: Row[tuple[object, ...]]) -> Known:
    plan = RingPlan.model_validate({**row.document, "name": row.name, "etag": row.etag})
    return plan, RingProgress() if row.seen is None else RingProgress.model_validate(row.seen)
