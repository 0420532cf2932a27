"""Lists of sets, a page at a time: as many queries for five hundred sets as for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from instar.domain.records.operations import Operation, OperationStatus
from instar.domain.scopes import ROOT
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.tables import OPERATIONS, SCALE_SETS
from instar.store.operations import is_last_put
from instar.store.sets.stored_scale_set import StoredScaleSet, current, identity_of, stored_from

SETS_OF_A_QUERY = 1_000
"""Of whose operations one query asks: databases bound the parameters of one."""


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A set with what its provisioning state is made of."""

    stored: StoredScaleSet
    running: tuple[Operation, ...]
    """Operations that have not ended, the oldest first."""
    last_put: Operation | None
    """The newest creation or change that has ended."""

    @property
    def key(self) -> str:
        """By which lists are ordered: the same for as long as the set is there, and no other's."""
        return folded(self.stored.identity.resource_id)


class SetListing:
    """Methods are synchronous: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        subscription_id: str,
        resource_group: str | None = None,
        location: str | None = None,
        *,
        after: str = "",
        most: int,
    ) -> list[ListedSet]:
        """The first `most` sets of a subscription, of one of its groups or regions, whose keys come after that one.

        By key; those in deletion too. One transaction of two queries (one more for each further thousand).
        """
        query = current().where(SCALE_SETS.c.subscription_key == folded(subscription_id))
        if resource_group is not None:
            query = query.where(SCALE_SETS.c.resource_group_key == folded(resource_group))
        if location is not None:
            query = query.where(SCALE_SETS.c.location == location)
        with self._database.reading() as connection:
            stored = [stored_from(row) for row in connection.execute(_after(query, after, most))]
            running, last_puts = _operations(connection, [one.identity.unique_id for one in stored])
        return [
            ListedSet(one, tuple(running.get(one.identity.unique_id, ())), last_puts.get(one.identity.unique_id))
            for one in stored
        ]

    def identities(self, place: str = ROOT, *, after: str = "", most: int) -> list[ScaleSetIdentity]:
        """The first `most` sets at that scope or below it whose keys come after that one, by key."""
        query = select(SCALE_SETS)
        if place != ROOT:
            key = folded(place)
            within = SCALE_SETS.c.resource_key.startswith(f"{key}/", autoescape=True)
            query = query.where(or_(SCALE_SETS.c.resource_key == key, within))
        with self._database.reading() as connection:
            return [identity_of(row) for row in connection.execute(_after(query, after, most))]


def _after(query: Any, after: str, most: int) -> Any:
    """`after` "": from the first on."""
    if after:
        query = query.where(SCALE_SETS.c.resource_key > after)
    return query.order_by(SCALE_SETS.c.resource_key).limit(most)


def _operations(
    connection: Connection, unique_ids: Sequence[str]
) -> tuple[dict[str, list[Operation]], dict[str, Operation]]:
    """Of each set those that run, the oldest first, and its newest PUT that has ended."""
    running: dict[str, list[Operation]] = {}
    last_puts: dict[str, Operation] = {}
    for begin in range(0, len(unique_ids), SETS_OF_A_QUERY):
        some = unique_ids[begin : begin + SETS_OF_A_QUERY]
        query = select(OPERATIONS).where(
            OPERATIONS.c.scale_set_unique_id.in_(some),
            or_(OPERATIONS.c.status == OperationStatus.IN_PROGRESS, is_last_put()),
        )
        for row in connection.execute(query.order_by(OPERATIONS.c.started_at, OPERATIONS.c.id)):
            operation = Operation.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
            if operation.status is OperationStatus.IN_PROGRESS:
                running.setdefault(row.scale_set_unique_id, []).append(operation)
            else:
                last_puts[row.scale_set_unique_id] = operation
    return running, last_puts
