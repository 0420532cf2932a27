"""What the machines themselves say beside the records: versions, and where an upgrade takes them from."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from api.overviews.bodies import Glance, counted
from api.services.dependencies import Services
from api.upgrades.looking import seen
from instar.compute.errors import ComputeError
from instar.domain.decisions.verdicts import exceeds
from instar.domain.machines.instances import Instance, Look, Standing
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

AT_ONCE = 8
"""Sets whose machines are listed at the same time."""

PATIENCE_SECONDS = 10.0
"""For all sets of a page together: what the compute has not told by then is left out."""


async def glances_of(services: Services, sets: Collection[StoredScaleSet], *, health: bool) -> dict[str, Glance]:
    """Versions, and health where that is wished, by the sets' unique ids. Sets whose machines cannot be listed: absent.

    A look at the health of a set may take longer than its versions: then these are told alone.
    """
    gate, found = asyncio.Semaphore(AT_ONCE), dict[str, Glance]()

    async def look(stored: StoredScaleSet) -> None:
        async with gate:
            try:
                instances = await services.provider.list_instances(stored.identity)
                versions = counted([one.os_disk.image.version for one in instances if one.os_disk])
                found[stored.identity.unique_id] = Glance(versions)
                if health:
                    told = await _health(services, stored)
                    found[stored.identity.unique_id] = Glance(versions, told)
            except ComputeError:
                return

    looks = [asyncio.create_task(look(one)) for one in sets]
    if looks:
        told, late = await asyncio.wait(looks, timeout=PATIENCE_SECONDS)
        for task in late:
            task.cancel()
        for task in told:
            task.result()
    return found


@dataclass(frozen=True, slots=True)
class HealthCounts:
    """How the machines of a set are, as a pre-check would count them (P2)."""

    healthy: int
    unhealthy: int
    starting: int
    stopped: int
    limit: int
    """`maxUnhealthyInstancePercent`."""

    @property
    def over_limit(self) -> bool:
        """Whether an upgrade would not begin for it. Stopped ones are in neither number (P18).

        >>> HealthCounts(8, 2, 0, 5, 20).over_limit, HealthCounts(7, 3, 0, 0, 20).over_limit
        (False, True)
        """
        return exceeds(self.unhealthy, self.healthy + self.unhealthy + self.starting, self.limit)

    def body(self) -> dict[str, int | bool]:
        """As it is shown."""
        return {
            "all": self.healthy + self.unhealthy + self.starting + self.stopped,
            "healthy": self.healthy,
            "unhealthy": self.unhealthy,
            "starting": self.starting,
            "stopped": self.stopped,
            "limitPercent": self.limit,
            "overLimit": self.over_limit,
        }


def health_counts(look: Look, policy: RollingUpgradePolicy) -> HealthCounts:
    """Of a look at a whole set."""
    return HealthCounts(
        healthy=len(look.standing_in(Standing.HEALTHY)),
        unhealthy=len(look.standing_in(Standing.UNHEALTHY)),
        starting=len(look.standing_in(Standing.INITIALIZING)),
        stopped=len(look.standing_in(Standing.STOPPED)),
        limit=policy.max_unhealthy_instance_percent,
    )


async def _health(services: Services, stored: StoredScaleSet) -> dict[str, int | bool] | None:
    """None while some machine was never looked at: nobody knows yet, and unknown is not sick."""
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    found = await seen(services, stored, source)
    policy = model.upgrade_policy
    starts = StartedBy.PLATFORM if policy.automatic.enable_automatic_os_upgrade else StartedBy.USER
    return None if found.unobserved else health_counts(found.look, policy_in_force(policy, starts)).body()


async def came_from(services: Services, record: UpgradeRecord, members: Collection[str]) -> list[str]:
    """The versions that the machines of an upgrade are on or were on before it; [] where nobody knows any more."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            instances = await services.provider.list_instances(record.scale_set)
    except (ComputeError, TimeoutError):
        return []
    return versions_before(record, [one for one in instances if one.instance_id in members])


def versions_before(record: UpgradeRecord, instances: Iterable[Instance]) -> list[str]:
    """By the disks: that which the upgrade put aside where it has moved a machine, else the one in use.

    One that has seen a later operation tells nothing by the disk that it uses.
    """
    key = operation_key(record.scale_set.unique_id, record.number, record.key)
    before = set[str]()
    for one in instances:
        aside = [disk for disk in one.previous_os_disks if disk.replaced_by == key and disk.made_by != key]
        if one.os_disk and one.os_disk.made_by == key:
            before.update(disk.image.version for disk in aside[:1])
        elif one.last_operation <= record.number and one.os_disk and one.os_disk.image.version != record.target.version:
            before.add(one.os_disk.image.version)
    return sorted(before)
