"""ARM resources that are kept as documents: what another part reads from them, the rest as it was given.

Load balancers, galleries with their images and versions, Service Fabric clusters. A resource below another one (a
version of an image) names it as its parent and goes with it. Ids compare without regard to case and keep the case of
their creation.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Text, cast, delete, or_, select, update

from instar.store.database.columns import folded, written
from instar.store.database.database import Database
from instar.store.database.tables import RESOURCES
from instar.store.errors import Conflict
from instar.store.quotas import UNLIMITED, Quotas, require_room


@dataclass(frozen=True)
class StoredResource:
    """One resource. `type` as ARM spells it (`Microsoft.Network/loadBalancers`); `etag` counts its changes from 1."""

    resource_id: str
    type: str
    subscription_id: str
    resource_group: str
    name: str
    parent_id: str
    document: dict[str, Any]
    created_at: datetime
    etag: int


class Resources:
    """What is written down of them. Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(  # noqa: PLR0917  # the order in which ARM names a resource
        self,
        resource_type: str,
        resource_id: str,
        subscription_id: str,
        resource_group: str,
        document: Mapping[str, Any],
        now: datetime,
        *,
        parent_id: str = "",
        expected_etag: int | None = None,
        quotas: Quotas = UNLIMITED,
    ) -> tuple[StoredResource, bool]:
        """Write a resource, or replace its document; whether it is a new one. The same document changes nothing.

        `expected_etag`: the etag that it must have, 0: it must not be there. Raises Conflict otherwise,
        QuotaExceeded for a new one that is one too many, and Unstorable.
        """
        written(document)  # refuses what is no JSON before the database is asked
        here = RESOURCES.c.resource_key == folded(resource_id)
        row = {
            "resource_key": folded(resource_id),
            "type_key": folded(resource_type),
            "subscription_key": folded(subscription_id),
            "resource_group_key": folded(resource_group),
            "parent_key": folded(parent_id),
            "resource_id": resource_id,
            "type": resource_type,
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "name": resource_id.rpartition("/")[2],
            "parent_id": parent_id,
            "document": dict(document),
            "created_at": now,
            "etag": 1,
        }
        with self._database.writing() as connection:
            had = connection.execute(select(RESOURCES).where(here).with_for_update()).one_or_none()
            etag = had.etag if had else 0
            if expected_etag not in (None, etag):
                raise Conflict(f"{resource_id} was changed: its etag is {etag}, not {expected_etag}")
            new = had is None and self._database.insert_new(connection, RESOURCES, row)
            if new:
                require_room(connection, quotas, row)
            else:
                connection.execute(
                    update(RESOURCES)
                    .where(here, RESOURCES.c.document != dict(document))
                    .values(document=dict(document), etag=RESOURCES.c.etag + 1)
                )
            stored = connection.execute(select(RESOURCES).where(here)).one()
        return _resource(stored), new

    def find(self, resource_id: str) -> StoredResource | None:
        """The resource of this id, in any case; None if there is none."""
        with self._database.reading() as connection:
            query = select(RESOURCES).where(RESOURCES.c.resource_key == folded(resource_id))
            row = connection.execute(query).one_or_none()
        return None if row is None else _resource(row)

    def of_type(
        self, resource_type: str, subscription_id: str, resource_group: str | None = None
    ) -> list[StoredResource]:
        """The resources of a type in a subscription, or in one of its groups, by id."""
        query = select(RESOURCES).where(
            RESOURCES.c.type_key == folded(resource_type), RESOURCES.c.subscription_key == folded(subscription_id)
        )
        if resource_group is not None:
            query = query.where(RESOURCES.c.resource_group_key == folded(resource_group))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(RESOURCES.c.resource_key)).all()
        return [_resource(row) for row in rows]

    def all_of(self, subscription_id: str, resource_group: str | None = None) -> list[StoredResource]:
        """The resources of every type in a subscription, or in one of its groups, by id; the groups are among them."""
        query = select(RESOURCES).where(RESOURCES.c.subscription_key == folded(subscription_id))
        if resource_group is not None:
            query = query.where(RESOURCES.c.resource_group_key == folded(resource_group))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(RESOURCES.c.resource_key)).all()
        return [_resource(row) for row in rows]

    def with_member(self, resource_type: str, member: str) -> list[StoredResource]:
        """The resources of a type, anywhere, whose documents may have a member of that name, by id."""
        query = select(RESOURCES).where(
            RESOURCES.c.type_key == folded(resource_type),
            cast(RESOURCES.c.document, Text).contains(f'"{member}":', autoescape=True),
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(RESOURCES.c.resource_key)).all()
        return [_resource(row) for row in rows]

    def replace(self, stored: StoredResource, document: Mapping[str, Any]) -> StoredResource:
        """Give a resource another document. Raises Conflict if it was changed since it was read, or is gone."""
        written(document)
        with self._database.writing() as connection:
            done = connection.execute(
                update(RESOURCES)
                .where(
                    RESOURCES.c.resource_key == folded(stored.resource_id),
                    RESOURCES.c.etag == stored.etag,
                    RESOURCES.c.created_at == stored.created_at,
                )
                .values(document=dict(document), etag=RESOURCES.c.etag + 1)
            )
        if not done.rowcount:
            raise Conflict(f"{stored.resource_id} was changed: its etag is no longer {stored.etag}")
        return dataclasses.replace(stored, document=dict(document), etag=stored.etag + 1)

    def children(self, resource_type: str, parent_id: str) -> list[StoredResource]:
        """The resources of a type right below another one, by id."""
        query = select(RESOURCES).where(
            RESOURCES.c.type_key == folded(resource_type), RESOURCES.c.parent_key == folded(parent_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(RESOURCES.c.resource_key)).all()
        return [_resource(row) for row in rows]

    def first_of_group(self, subscription_id: str, resource_group: str) -> StoredResource | None:
        """The oldest resource of a group; None if there is none."""
        query = (
            select(RESOURCES)
            .where(
                RESOURCES.c.subscription_key == folded(subscription_id),
                RESOURCES.c.resource_group_key == folded(resource_group),
            )
            .order_by(RESOURCES.c.created_at, RESOURCES.c.resource_key)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _resource(row)

    def delete(self, resource_id: str, expected_etag: int | None = None) -> bool:
        """Remove a resource and all that is below it; whether it was there.

        Raises Conflict when it is there with another etag than `expected_etag`.
        """
        key = folded(resource_id)
        below = RESOURCES.c.resource_key.startswith(f"{key}/", autoescape=True)
        with self._database.writing() as connection:
            found = connection.execute(
                select(RESOURCES.c.etag).where(RESOURCES.c.resource_key == key).with_for_update()
            ).one_or_none()
            if found is not None and expected_etag not in (None, found.etag):
                raise Conflict(f"{resource_id} was changed: its etag is {found.etag}, not {expected_etag}")
            connection.execute(delete(RESOURCES).where(or_(RESOURCES.c.resource_key == key, below)))
        return found is not None

    def delete_group(self, subscription_id: str, resource_group: str) -> int:
        """Remove every resource of a group, and the group; how many that were."""
        with self._database.writing() as connection:
            done = connection.execute(
                delete(RESOURCES).where(
                    RESOURCES.c.subscription_key == folded(subscription_id),
                    RESOURCES.c.resource_group_key == folded(resource_group),
                )
            )
        return int(done.rowcount)


def _resource(row: Row[Any]) -> StoredResource:
    return StoredResource(
        resource_id=row.resource_id,
        type=row.type,
        subscription_id=row.subscription_id,
        resource_group=row.resource_group,
        name=row.name,
        parent_id=row.parent_id,
        document=row.document,
        created_at=row.created_at,
        etag=row.etag,
    )
