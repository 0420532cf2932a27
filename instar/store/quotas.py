"""Is there room for one thing more? Counted in the transaction that writes it, so that two at once do not pass both.

A row is written first and counted then: of one that was there already nothing is counted, and one too many is undone.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select, text, union

from instar.store.database.tables import RESOURCES, SCALE_SETS
from instar.store.errors import QuotaExceeded

GROUPS_TYPE = "Microsoft.Resources/resourceGroups"
DEPLOYMENTS_TYPE = "Microsoft.Resources/deployments"

_GROUPS, _DEPLOYMENTS = GROUPS_TYPE.lower(), DEPLOYMENTS_TYPE.lower()

_LOCK = 0x1A57A2
"""Of PostgreSQL's advisory locks; its second half is the subscription."""


class Counted(StrEnum):
    """What is counted. Values are the names of the settings."""

    SCALE_SETS = "scale_sets"
    RESOURCE_GROUPS = "resource_groups"
    RESOURCES = "resources"
    DEPLOYMENTS_PER_GROUP = "deployments_per_group"
    DEPLOYMENTS = "deployments"
    WEBHOOKS = "webhooks"


Quotas = Mapping[Counted, int]
"""How many there may be; what is not named is not limited."""

UNLIMITED: Quotas = {}


def require_room(connection: Connection, quotas: Quotas, row: Mapping[str, Any]) -> None:
    """Raises QuotaExceeded if the row, which this transaction has just added, is one too many.

    A row of RESOURCES (it has a `type_key`) or of SCALE_SETS. A group begins to be with the first thing in it.
    """
    if not quotas:
        return
    if connection.dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        lock = text("SELECT pg_advisory_xact_lock(CAST(:lock AS integer), hashtext(CAST(:key AS text)))")
        connection.execute(lock, {"lock": _LOCK, "key": row["subscription_key"]})
    for counted, count in _counts(connection, row):
        if counted in quotas and count > quotas[counted]:
            raise QuotaExceeded(counted, quotas[counted])


def _counts(connection: Connection, row: Mapping[str, Any]) -> list[tuple[Counted, int]]:
    """How many there are now of what the row is one of."""
    subscription, group, kind = row["subscription_key"], row["resource_group_key"], row.get("type_key")
    of_group = RESOURCES.c.resource_group_key == group

    def number(table: Table, *where: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(table).where(table.c.subscription_key == subscription, *where)
        return int(connection.scalar(query) or 0)

    found = []
    in_group = number(RESOURCES, of_group) + number(SCALE_SETS, SCALE_SETS.c.resource_group_key == group)
    if in_group == 1:
        keys = union(
            *(
                select(table.c.resource_group_key).where(table.c.subscription_key == subscription)
                for table in (RESOURCES, SCALE_SETS)
            )
        ).subquery()
        found.append((Counted.RESOURCE_GROUPS, int(connection.scalar(select(func.count()).select_from(keys)) or 0)))
    if kind is None:
        found.append((Counted.SCALE_SETS, number(SCALE_SETS)))
    elif kind == _DEPLOYMENTS:
        is_one = RESOURCES.c.type_key == _DEPLOYMENTS
        found.append((Counted.DEPLOYMENTS_PER_GROUP, number(RESOURCES, is_one, of_group)))
        found.append((Counted.DEPLOYMENTS, number(RESOURCES, is_one)))
    elif kind != _GROUPS:
        others = RESOURCES.c.type_key.not_in((_GROUPS, _DEPLOYMENTS))
        found.append((Counted.RESOURCES, number(RESOURCES, others)))
    return found
