"""Looking at a set: what the compute lists, joined with what the health source says."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from instar.compute.clock import Clock
from instar.compute.provider import Provider
from instar.domain.health.instance_health import boots, health_of
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthObservation, HealthState, InstanceView, Look
from instar.domain.sets.scale_sets import ScaleSetIdentity


async def look_at(
    provider: Provider,
    scale_set: ScaleSetIdentity,
    source: HealthSource,
    clock: Clock,
    ids: Iterable[str] | None = None,
    *,
    boots_within: timedelta = timedelta(0),
) -> Look:
    """A fresh look at the set, or at some of it (docs/rules.md P16). Raises compute.errors.TryAgain (H7).

    `boots_within`: how long after its start a machine need not be healthy yet (P2a).
    """
    wanted = None if ids is None else tuple(ids)
    listed, health = await asyncio.gather(
        provider.list_instances(scale_set, wanted),
        provider.observe_health(scale_set, source, wanted),
    )
    now = clock()
    observed = {observation.instance_id: observation for observation in health}
    return Look(
        views=tuple(
            InstanceView(
                instance,
                health_of(
                    instance,
                    source,
                    # Listed but not observed: it appeared between the two, so nothing answered yet.
                    observed.get(instance.instance_id)
                    or HealthObservation(instance.instance_id, HealthState.INITIALIZING, now, "not observed yet"),
                ),
                boots=boots(instance, boots_within, now),
            )
            for instance in listed
        ),
        taken_at=now,
    )
