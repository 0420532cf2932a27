"""How far the records of each set know its machines: one row a set (docs/rules.md F7).

A set that release 0.1 made has none until ids are reserved for it, or its fleet is reconciled.
"""

from collections.abc import Collection

from sqlalchemy import Connection, bindparam, func, select, update

from instar.domain.records.records_age import Known
from instar.domain.records.upgrades import UpgradeRecord
from instar.store.database.database import Database
from instar.store.database.tables import FLEET_MARKS, SCALE_SETS, UPGRADES

NO_IDS = -1
"""The mark of a set that has asked for no machine yet."""


_LAST = select(func.max(UPGRADES.c.number)).where(UPGRADES.c.unique_id == bindparam("of")).scalar_subquery()
_KNOWN = (
    select(
        SCALE_SETS.c.generation,
        FLEET_MARKS.c.ids_up_to,
        FLEET_MARKS.c.operations_up_to,
        _LAST.label("last_number"),
    )
    .outerjoin_from(SCALE_SETS, FLEET_MARKS, FLEET_MARKS.c.unique_id == SCALE_SETS.c.unique_id)
    .where(SCALE_SETS.c.unique_id == bindparam("of"))
)
"""What is known of a set's machines, in one row; none of a set that is gone."""


class FleetMarks:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve_ids(self, unique_id: str, up_to: int) -> None:
        """Instance ids up to that one have been asked for, or are about to be. Idempotent; never taken back.

        To be written before the first of them is asked for. A set that is gone stays gone.
        """
        with self._database.writing() as connection:
            raise_marks(self._database, connection, unique_id, ids_up_to=up_to)

    def known(self, unique_id: str, numbers: Collection[int] = ()) -> Known | None:
        """What the records know of a set's machines; of keys those of `numbers`. None for a set that is gone."""
        with self._database.reading() as connection:
            known = connection.execute(_KNOWN, {"of": unique_id}).one_or_none()
            if known is None:
                return None
            records = connection.execute(
                select(UPGRADES.c.number, UPGRADES.c.record).where(
                    UPGRADES.c.unique_id == unique_id, UPGRADES.c.number.in_(sorted(numbers))
                )
            ).all()
        return Known(
            generation=known.generation,
            last_number=known.last_number or 0,
            keys={row.number: UpgradeRecord.model_validate_json(row.record).key for row in records},
            adopted=known.operations_up_to or 0,
            ids_up_to=known.ids_up_to,
        )


def raise_marks(
    database: Database, connection: Connection, unique_id: str, *, ids_up_to: int, operations_up_to: int = 0
) -> None:
    """Set the marks of a set that is stored, as part of a transaction; a mark that is higher already stays."""
    there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
    if connection.scalar(there) is None:
        return
    wanted = {"ids_up_to": ids_up_to, "operations_up_to": operations_up_to}
    if database.insert_new(connection, FLEET_MARKS, {"unique_id": unique_id} | wanted):
        return
    for name, value in wanted.items():
        column = FLEET_MARKS.c[name]
        connection.execute(
            update(FLEET_MARKS).where(FLEET_MARKS.c.unique_id == unique_id, column < value).values({name: value})
        )
