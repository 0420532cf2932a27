"""A set as it is now, and how fast its last upgrades went: what a plan and a forecast are made from."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.services.dependencies import Services
from instar.domain.decisions.pace import spans_of
from instar.domain.health.instance_health import boots
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthObservation, HealthState, Instance, InstanceView, Look
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.upgrades import EVER

NOT_OBSERVED = "not observed yet"
RUNS_LOOKED_AT = 5
"""Upgrades before this one: the newest of them that came to a verdict tells the pace."""


@dataclass(frozen=True)
class Seen:
    """A look, as an upgrade would take it."""

    look: Look
    unobserved: int
    """Instances of which nobody has an observation yet: they count as unknown, which is unhealthy."""


async def seen(services: Services, stored: StoredScaleSet, source: HealthSource) -> Seen:
    """Look at a set. Raises ComputeError where its machines cannot be listed."""
    instances = await services.provider.list_instances(stored.identity)
    healths = await services.healths.of(stored.identity, source, instances)
    now, boots_within = services.clock(), services.settings.delays.health_wait
    views = tuple(
        InstanceView(one, healths.get(one.instance_id) or _unknown(one, now), boots=boots(one, boots_within, now))
        for one in instances
    )
    missing = sum(one.instance_id not in healths for one in instances)
    return Seen(Look(views=views, taken_at=now), missing)


async def spans_before(services: Services, unique_id: str, number: int | None = None) -> list[timedelta]:
    """How long each batch of the newest upgrade took that came to a verdict, before that of the number."""
    upgrades = services.store.upgrades
    for record in await asyncio.to_thread(upgrades.history, unique_id, EVER, RUNS_LOOKED_AT):
        if number is not None and record.number >= number:
            continue
        decisions = await asyncio.to_thread(upgrades.decisions, unique_id, record.number)
        if spans := spans_of(decisions):
            return spans
    return []


def _unknown(instance: Instance, now: datetime) -> HealthObservation:
    return HealthObservation(instance.instance_id, HealthState.UNKNOWN, now, NOT_OBSERVED)
