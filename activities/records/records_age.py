"""Refusing to touch machines that the records do not know (docs/rules.md F7).

The decision is `instar.domain.records.records_age`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import beating
from activities.translation import translated
from instar.compute.provider import Provider
from instar.domain.machines.instances import Instance
from instar.domain.messages.reconciliation import RecordsAge, RecordsAgeFound
from instar.domain.records.records_age import RECORDS_BEHIND, records_behind
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.sets.fleet_marks import NO_IDS
from instar.store.store import Store


async def why_behind(store: Store, scale_set: ScaleSetIdentity, instances: Iterable[Instance]) -> str:
    """Why the records are older than these machines of the set; "" if they are not, or the set is not stored.

    The ids of a set that release 0.1 made are counted from the first look on.
    """
    there = tuple(instances)
    numbers = {one.last_operation for one in there}
    known = await asyncio.to_thread(store.fleet_marks.known, scale_set.unique_id, numbers)
    if known is None:
        return ""
    if known.ids_up_to is None:
        highest = max((int(instance.instance_id) for instance in there), default=NO_IDS)
        await asyncio.to_thread(store.fleet_marks.reserve_ids, scale_set.unique_id, highest)
    return records_behind(known, there, scale_set.name)


async def refuse_old_records(store: Store, scale_set: ScaleSetIdentity, instances: Iterable[Instance]) -> None:
    """Raises ApplicationError of the type RECORDS_BEHIND, for good, where the records are older than the machines."""
    if reason := await why_behind(store, scale_set, instances):
        raise ApplicationError(reason, type=RECORDS_BEHIND, non_retryable=True)


@dataclass(frozen=True)
class RecordsAgeActivities:
    """A look of its own; nothing here changes a machine or a record."""

    provider: Provider
    store: Store

    @activity.defn
    async def records_age(self, request: RecordsAge) -> RecordsAgeFound:
        """Whether the records of a set are older than its machines, now."""
        async with translated(), beating():
            instances = await self.provider.list_instances(request.scale_set)
        return RecordsAgeFound(reason=await why_behind(self.store, request.scale_set, instances))
