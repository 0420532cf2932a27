"""Health for readers: observed when one asks, kept with its time, shown with its age (docs/rules.md H6).

A look can take long (24 probes, a minute apart), so a reader waits for it a few seconds only and is then given what
is kept; readers of the same set share one look.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from instar.compute.clock import Clock
from instar.compute.errors import ComputeError, NotProbed
from instar.compute.provider import Provider
from instar.domain.health.instance_health import health_of
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthObservation, Instance
from instar.domain.sets.scale_sets import ScaleSetIdentity

Observations = dict[str, HealthObservation]

PATIENCE_SECONDS = 5.0
"""How long a reader waits for a look."""

SETS_KEPT = 1_000
"""How many sets' observations are kept; the one not asked for longest goes first."""


class Healths:
    """The newest observations of each set that somebody read. Close it."""

    def __init__(self, provider: Provider, clock: Clock, fresh: timedelta = timedelta(seconds=1)) -> None:
        """`fresh`: younger observations are shown as they are, without another look."""
        self._provider = provider
        self._clock = clock
        self._fresh = fresh
        self._kept: OrderedDict[str, tuple[datetime, Observations]] = OrderedDict()
        self._looks: dict[str, asyncio.Task[None]] = {}

    async def of(
        self, scale_set: ScaleSetIdentity, source: HealthSource, instances: Iterable[Instance]
    ) -> Observations:
        """Of these instances by id, as new as patience allows; without those never observed. Never fails (H7)."""
        observed = await self._observations(scale_set, source)
        return {
            instance.instance_id: health_of(instance, source, observed[instance.instance_id])
            for instance in instances
            if instance.instance_id in observed
        }

    async def _observations(self, scale_set: ScaleSetIdentity, source: HealthSource) -> Observations:
        key = scale_set.unique_id
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept[0] >= self._fresh:
            look = self._looks.get(key)
            if look is None:
                look = asyncio.create_task(self._look(scale_set, source))
                self._looks[key] = look
            await asyncio.wait({look}, timeout=PATIENCE_SECONDS)
        kept = self._kept.get(key)
        return kept[1] if kept else {}

    async def close(self) -> None:
        """End the looks that are under way."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look(self, scale_set: ScaleSetIdentity, source: HealthSource) -> None:
        key = scale_set.unique_id
        try:
            found = await self._provider.observe_health(scale_set, source)
        except NotProbed as error:
            # It decides nothing, and readers are told why it is so.
            found = error.seen
        except ComputeError:
            # A look that could not be made says nothing: what is kept stays, and shows its age (H7).
            return
        finally:
            del self._looks[key]
        self._kept[key] = (self._clock(), {observation.instance_id: observation for observation in found})
        self._kept.move_to_end(key)
        while len(self._kept) > SETS_KEPT:
            self._kept.popitem(last=False)
