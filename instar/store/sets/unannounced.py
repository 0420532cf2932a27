"""Sets that were asked for something that nobody has in hand, nor any operation tells of (docs/rules.md F6).

Release 0.1 wrote down what was asked first and told the set's workflow afterwards. Killed or unheard in between, it
left a set in deletion that nobody deletes, or a model that nobody applies. Both are found by their operations.
"""

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.database.database import Database
from instar.store.database.tables import OPERATIONS, SCALE_SETS
from instar.store.operations import write_operation

UNHEARD = "ServiceUnavailable"
"""The code with which release 0.1 ended the operation of a PUT that it could not announce."""


class Unannounced:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deletions(self) -> list[str]:
        """Unique ids of the sets in deletion without an operation that deletes them."""
        return self._found(select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.deleting, ~_runs(OperationKind.DELETE)))

    def models(self) -> list[str]:
        """Unique ids of the sets whose newest model was announced to nobody, as far as their operations tell."""
        newest = (
            select(OPERATIONS.c.id)
            .where(
                OPERATIONS.c.scale_set_unique_id == SCALE_SETS.c.unique_id,
                OPERATIONS.c.kind == OperationKind.PUT,
            )
            .order_by(OPERATIONS.c.started_at.desc(), OPERATIONS.c.id.desc())
            .limit(1)
            .correlate(SCALE_SETS)
            .scalar_subquery()
        )
        unheard = exists().where(
            OPERATIONS.c.id == newest,
            OPERATIONS.c.status == OperationStatus.FAILED,
            OPERATIONS.c.error_code == UNHEARD,
        )
        return self._found(
            select(SCALE_SETS.c.unique_id).where(
                ~SCALE_SETS.c.deleting, ~_runs(OperationKind.PUT), or_(newest.is_(None), unheard)
            )
        )

    def ask(self, operation: Operation, message: str) -> bool:
        """Write the operation with its message, unless one of its kind runs or the set is gone; whether it was."""
        unique_id = operation.scale_set_unique_id
        locked = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
        with self._database.writing() as connection:
            if connection.execute(locked).one_or_none() is None:
                return False
            if connection.execute(select(SCALE_SETS.c.unique_id).where(_is(unique_id), _runs(operation.kind))).first():
                return False
            write_operation(connection, operation, message)
            return True

    def _found(self, query: Select[tuple[str]]) -> list[str]:
        with self._database.reading() as connection:
            return list(connection.scalars(query.order_by(SCALE_SETS.c.unique_id)))


def _is(unique_id: str) -> ColumnElement[bool]:
    return SCALE_SETS.c.unique_id == unique_id


def _runs(kind: OperationKind) -> ColumnElement[bool]:
    """Whether an operation of that kind runs on the set of the query around it."""
    return exists().where(
        and_(
            OPERATIONS.c.scale_set_unique_id == SCALE_SETS.c.unique_id,
            OPERATIONS.c.kind == kind,
            OPERATIONS.c.status == OperationStatus.IN_PROGRESS,
        )
    )
