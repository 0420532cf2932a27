"""What is still to be handed over to the workflows of scale sets: a transactional outbox (docs/rules.md F6).

The message stands in the row of its operation, which is written in one transaction with what was asked for. It goes
when the workflow has taken it. For one set the oldest comes first; a claim keeps two processes from handing over the
same at once, which would be harmless and a waste: the workflow does one request once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, or_, select, update

from instar.domain.records.operations import OperationKind, OperationStatus
from instar.store.database.columns import Instant
from instar.store.database.database import Database
from instar.store.database.tables import OPERATIONS

CLAIM = timedelta(seconds=30)
"""After which a claim of which nothing was heard lapses: longer than a workflow is given to take a message."""

FURTHEST_CLAIM = 2 * CLAIM
"""A claim that ends later than this from now was made before the clock was set back, and counts for nothing."""


@dataclass(frozen=True)
class Waiting:
    """One message that is to be handed over."""

    operation_id: str
    kind: OperationKind
    unique_id: str
    message: str
    waits_since: datetime | None = None
    """Since when nobody could take it."""


class Outbox:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sets(self, at_most: int = 1000) -> list[str]:
        """Unique ids of the sets for which something waits, those first for which it waits longest."""
        query = (
            select(OPERATIONS.c.scale_set_unique_id)
            .where(OPERATIONS.c.message.is_not(None))
            .group_by(OPERATIONS.c.scale_set_unique_id)
            .order_by(func.min(OPERATIONS.c.started_at))
            .limit(at_most)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def claim(self, unique_id: str, now: datetime) -> Waiting | None:
        """The oldest message for that set, claimed; None where there is none, or another process has claimed it."""
        oldest = (
            select(OPERATIONS)
            .where(OPERATIONS.c.scale_set_unique_id == unique_id, OPERATIONS.c.message.is_not(None))
            .order_by(OPERATIONS.c.started_at, OPERATIONS.c.id)
            .limit(1)
        )
        with self._database.writing() as connection:
            row = connection.execute(oldest).one_or_none()
            if row is None:
                return None
            claimed = connection.execute(
                update(OPERATIONS)
                .where(
                    OPERATIONS.c.id == row.id,
                    OPERATIONS.c.message.is_not(None),
                    or_(
                        OPERATIONS.c.claimed_until.is_(None),
                        OPERATIONS.c.claimed_until <= now,
                        OPERATIONS.c.claimed_until > now + FURTHEST_CLAIM,
                    ),
                )
                .values(claimed_until=now + CLAIM)
                .returning(OPERATIONS.c.id)
            ).one_or_none()
        if claimed is None:
            return None
        return Waiting(row.id, OperationKind(row.kind), unique_id, row.message, row.waits_since)

    def waits(self, operation_id: str) -> bool:
        """Whether the message of that operation is still to be handed over."""
        query = select(OPERATIONS.c.message).where(OPERATIONS.c.id == operation_id)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def taken(self, operation_id: str) -> None:
        """The workflow has taken it: what follows is the workflow's affair. Idempotent."""
        self._change(operation_id, message=None, claimed_until=None, waits_for="", waits_since=None)

    def not_taken(self, operation_id: str, reason: str, now: datetime) -> bool:
        """It could not be handed over just now; why, and since when, stands in the operation. Whether that is new."""
        since = func.coalesce(OPERATIONS.c.waits_since, bindparam("now", now, Instant))
        this = OPERATIONS.c.id == operation_id
        with self._database.writing() as connection:
            before = connection.scalar(select(OPERATIONS.c.waits_for).where(this).with_for_update())
            connection.execute(
                update(OPERATIONS).where(this).values(claimed_until=None, waits_for=reason, waits_since=since)
            )
        return before != reason

    def again(self, operation_id: str, message: str) -> None:
        """Hand over (anew) for an operation that has not ended."""
        with self._database.writing() as connection:
            connection.execute(
                update(OPERATIONS)
                .where(OPERATIONS.c.id == operation_id, OPERATIONS.c.status == OperationStatus.IN_PROGRESS)
                .values(message=message, claimed_until=None)
            )

    def left_alone(self, before: datetime) -> list[tuple[str, str]]:
        """(unique id of the set, operation id) of what runs since before that moment and waits for no hand-over."""
        query = select(OPERATIONS.c.scale_set_unique_id, OPERATIONS.c.id).where(
            OPERATIONS.c.status == OperationStatus.IN_PROGRESS,
            OPERATIONS.c.message.is_(None),
            OPERATIONS.c.scale_set_unique_id != "",
            OPERATIONS.c.started_at < before,
        )
        with self._database.reading() as connection:
            return [(row[0], row[1]) for row in connection.execute(query.order_by(OPERATIONS.c.started_at))]

    def _change(self, operation_id: str, **values: object) -> None:
        with self._database.writing() as connection:
            connection.execute(update(OPERATIONS).where(OPERATIONS.c.id == operation_id).values(**values))
