"""Taking over from a set's machines what the records do not know (docs/rules.md F7)."""

from datetime import datetime

from sqlalchemy import Connection, insert, literal, select, update

from instar.domain.decisions.reconciliation import Adoption
from instar.store.database.database import Database
from instar.store.database.tables import MODELS, SCALE_SETS, SECRETS
from instar.store.errors import Conflict, Missing
from instar.store.sets.fleet_marks import raise_marks
from instar.store.sets.scale_sets import ScaleSets
from instar.store.sets.stored_scale_set import StoredScaleSet


class Reconciliations:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, scale_sets: ScaleSets) -> None:
        self._database = database
        self._scale_sets = scale_sets

    def adopt(self, unique_id: str, adoption: Adoption, now: datetime) -> StoredScaleSet:
        """Write models, capacity and ids down in one transaction; written down before, it changes nothing.

        The operations that machines have seen are known only with `finish`, once the set's workflow counts from above
        them: until then the set is held, and whoever was killed in between repeats it all.

        Model generations that only machines know come to be as copies of the newest stored one, secrets included: so a
        restore of a disk of theirs finds a model, and no later model is given their number. Raises Conflict where the
        model was changed since the survey or the set is in deletion, Missing.
        """
        with self._database.writing() as connection:
            row = connection.execute(
                select(SCALE_SETS).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise Missing(f"no scale set has the unique id {unique_id}")
            if row.deleting:
                raise Conflict(f"scale set {row.name} is being deleted")
            if row.generation != adoption.found_generation:
                raise Conflict(f"scale set {row.name} was changed: it is at generation {row.generation}")
            for generation in range(row.generation + 1, adoption.generation + 1):
                _copy(connection, unique_id, row.generation, generation, now)
            if adoption.generation > row.generation:
                self._set_capacity(connection, unique_id, adoption)
            raise_marks(
                self._database,
                connection,
                unique_id,
                ids_up_to=adoption.ids_up_to,
            )
        stored = self._scale_sets.by_unique_id(unique_id)
        if stored is None:
            raise Missing(f"no scale set has the unique id {unique_id}")
        return stored

    def finish(self, unique_id: str, adoption: Adoption) -> None:
        """The set's workflow gives no number any more that machines have seen: they are known now. Idempotent."""
        with self._database.writing() as connection:
            raise_marks(
                self._database,
                connection,
                unique_id,
                ids_up_to=adoption.ids_up_to,
                operations_up_to=adoption.last_number,
            )

    def _set_capacity(self, connection: Connection, unique_id: str, adoption: Adoption) -> None:
        newest = (MODELS.c.unique_id == unique_id) & (MODELS.c.generation == adoption.generation)
        document = connection.scalar(select(MODELS.c.document).where(newest)) or {}
        sku = (document.get("sku") or {}) | {"capacity": adoption.capacity}
        connection.execute(update(MODELS).where(newest).values(document=document | {"sku": sku}))
        connection.execute(
            update(SCALE_SETS)
            .where(SCALE_SETS.c.unique_id == unique_id)
            .values(generation=adoption.generation, etag=SCALE_SETS.c.etag + 1)
        )


def _copy(connection: Connection, unique_id: str, source: int, generation: int, now: datetime) -> None:
    """A generation that says what `source` says, to machines too."""
    for table, columns in ((MODELS, ("document", "machine_generation")), (SECRETS, ("place", "token"))):
        values = [table.c[name] for name in columns]
        here = (table.c.unique_id == unique_id) & (table.c.generation == source)
        extra = {"created_at": literal(now, MODELS.c.created_at.type)} if table is MODELS else {}
        connection.execute(
            insert(table).from_select(
                ["unique_id", "generation", *columns, *extra],
                select(literal(unique_id), literal(generation), *values, *extra.values()).where(here),
            )
        )
