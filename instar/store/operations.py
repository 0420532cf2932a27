"""Long-running operations, as the API's clients poll them."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.database.database import Database
from instar.store.database.tables import OPERATIONS, SCALE_SETS, UPGRADES
from instar.store.errors import AlreadyThere

NEXT = timedelta(microseconds=1)
"""The least by which two moments differ in a database."""

FORGOTTEN_AT_ONCE = 500
"""Old ones that one transaction removes: other writers have their turn between two."""


class Operations:
    """One row per operation. Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, operation: Operation, message: str | None = None) -> None:
        """Write a new operation, with the message that is to be handed over for it. Raises AlreadyThere."""
        try:
            with self._database.writing() as connection:
                write_operation(connection, operation, message)
        except IntegrityError:
            raise AlreadyThere(f"operation {operation.id} is there already") from None

    def get(self, operation_id: str) -> Operation | None:
        """The operation of this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(OPERATIONS).where(OPERATIONS.c.id == operation_id)).one_or_none()
        return None if row is None else _operation(row)

    def end(
        self,
        operation_id: str,
        status: OperationStatus,
        now: datetime,
        error_code: str = "",
        error_message: str = "",
    ) -> None:
        """End an operation. The first end stands; a later one, or one of an unknown operation, changes nothing.

        Raises ValueError for a status that is no end.
        """
        if status is OperationStatus.IN_PROGRESS:
            raise ValueError("InProgress is no end of an operation")
        with self._database.writing() as connection:
            connection.execute(
                update(OPERATIONS)
                .where(OPERATIONS.c.id == operation_id, OPERATIONS.c.status == OperationStatus.IN_PROGRESS)
                .values(
                    status=status,
                    ended_at=now,
                    error_code=error_code,
                    error_message=error_message,
                    message=None,
                    claimed_until=None,
                    waits_for="",
                    waits_since=None,
                )
            )

    def discard(self, operation_id: str) -> None:
        """Forget an operation that was refused before it began. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(delete(OPERATIONS).where(OPERATIONS.c.id == operation_id))

    def forget(self, before: datetime, named: Collection[str] = (), most: int = FORGOTTEN_AT_ONCE) -> int:
        """Remove what ended before that moment, `most` in each transaction; how many.

        Never one that runs, the newest creation or change of a set that is there (its provisioning state, and that its
        model was announced), or one that a running upgrade or `named` names. Any number of processes may do so at
        once, and one that is killed has removed some.
        """
        kept, gone = {*named, *self._of_running_upgrades()}, 0
        while True:
            with self._database.writing() as connection:
                # Whoever does the same just now has locked others: PostgreSQL passes these over, SQLite has one writer.
                ids = list(connection.scalars(_old(before, kept, most).with_for_update(skip_locked=True)))
                connection.execute(delete(OPERATIONS).where(OPERATIONS.c.id.in_(ids)))
            gone += len(ids)
            if len(ids) < most:
                return gone

    def _of_running_upgrades(self) -> set[str]:
        with self._database.reading() as connection:
            records = list(connection.scalars(select(UPGRADES.c.record).where(UPGRADES.c.ended.is_(False))))
        return {str(json.loads(record)["operation_id"]) for record in records}

    def running(self, unique_id: str) -> list[Operation]:
        """The set's operations that have not ended, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(OPERATIONS)
                .where(
                    OPERATIONS.c.scale_set_unique_id == unique_id,
                    OPERATIONS.c.status == OperationStatus.IN_PROGRESS,
                )
                .order_by(OPERATIONS.c.started_at, OPERATIONS.c.id)
            ).all()
        return [_operation(row) for row in rows]

    def newest(self, unique_id: str, kind: OperationKind) -> Operation | None:
        """The set's newest ended operation of that kind."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(OPERATIONS)
                .where(
                    OPERATIONS.c.scale_set_unique_id == unique_id,
                    OPERATIONS.c.kind == kind,
                    OPERATIONS.c.status != OperationStatus.IN_PROGRESS,
                )
                .order_by(OPERATIONS.c.started_at.desc(), OPERATIONS.c.id.desc())
                .limit(1)
            ).one_or_none()
        return None if row is None else _operation(row)


def write_operation(connection: Connection, operation: Operation, message: str | None = None) -> None:
    """Write a new operation in somebody else's transaction.

    One with a message stands after all that waits for the same set, also where the clock was set back since: it is
    handed over in the order of its start.
    """
    values = operation.model_dump()
    if message is not None:
        waits = select(func.max(OPERATIONS.c.started_at)).where(
            OPERATIONS.c.scale_set_unique_id == operation.scale_set_unique_id, OPERATIONS.c.message.is_not(None)
        )
        last = connection.scalar(waits)
        if last is not None and last >= operation.started_at:
            values["started_at"] = last + NEXT
    connection.execute(insert(OPERATIONS).values(**values, message=message))


def is_last_put() -> ColumnElement[bool]:
    """Whether it is the newest of its set that has ended; of several at the same moment each is."""
    others = OPERATIONS.alias()
    newest = (
        select(func.max(others.c.started_at))
        .where(
            others.c.scale_set_unique_id == OPERATIONS.c.scale_set_unique_id,
            others.c.kind == OperationKind.PUT,
            others.c.status != OperationStatus.IN_PROGRESS,
        )
        .correlate(OPERATIONS)
        .scalar_subquery()
    )
    return and_(
        OPERATIONS.c.kind == OperationKind.PUT,
        OPERATIONS.c.status != OperationStatus.IN_PROGRESS,
        OPERATIONS.c.started_at == newest,
    )


def _old(before: datetime, kept: set[str], most: int) -> Any:
    is_there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == OPERATIONS.c.scale_set_unique_id)
    return (
        select(OPERATIONS.c.id)
        .where(
            OPERATIONS.c.status != OperationStatus.IN_PROGRESS,
            OPERATIONS.c.ended_at < before,
            OPERATIONS.c.id.not_in(kept),
            not_(and_(is_last_put(), is_there.correlate(OPERATIONS).exists())),
        )
        .order_by(OPERATIONS.c.id)
        .limit(most)
    )


def _operation(row: Row[Any]) -> Operation:
    return Operation.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
