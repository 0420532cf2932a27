"""What the machines themselves say beside the records: versions, and where an upgrade takes them from."""

import asyncio
from collections.abc import Collection, Iterable

from api.overviews.bodies import counted
from api.services.dependencies import Services
from instar.compute.errors import ComputeError
from instar.domain.machines.instances import Instance
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.scale_sets import ScaleSetIdentity

AT_ONCE = 8
"""Sets whose machines are listed at the same time."""

PATIENCE_SECONDS = 10.0
"""For all sets of a page together: what the compute has not told by then is left out."""


async def versions_of(services: Services, sets: Collection[ScaleSetIdentity]) -> dict[str, dict[str, int]]:
    """How many machines are on which version, by the sets' unique ids. Sets whose machines cannot be listed: absent."""
    gate, found = asyncio.Semaphore(AT_ONCE), dict[str, dict[str, int]]()

    async def look(one: ScaleSetIdentity) -> None:
        async with gate:
            try:
                instances = await services.provider.list_instances(one)
            except ComputeError:
                return
            found[one.unique_id] = counted(
                [instance.os_disk.image.version for instance in instances if instance.os_disk]
            )

    looks = [asyncio.create_task(look(one)) for one in sets]
    if looks:
        told, late = await asyncio.wait(looks, timeout=PATIENCE_SECONDS)
        for task in late:
            task.cancel()
        for task in told:
            task.result()
    return found


async def came_from(services: Services, record: UpgradeRecord, members: Collection[str]) -> list[str]:
    """The versions that the machines of an upgrade are on or were on before it; [] where nobody knows any more."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            instances = await services.provider.list_instances(record.scale_set)
    except (ComputeError, TimeoutError):
        return []
    return versions_before(record, [one for one in instances if one.instance_id in members])


def versions_before(record: UpgradeRecord, instances: Iterable[Instance]) -> list[str]:
    """By the disks: that which the upgrade put aside where it has moved a machine, else the one in use."""
    key = operation_key(record.scale_set.unique_id, record.number, record.key)
    before = set[str]()
    for one in instances:
        aside = [disk for disk in one.previous_os_disks if disk.replaced_by == key and disk.made_by != key]
        if one.os_disk and one.os_disk.made_by == key:
            before.update(disk.image.version for disk in aside[:1])
        elif one.os_disk and one.os_disk.image.version != record.target.version:
            before.add(one.os_disk.image.version)
    return sorted(before)
