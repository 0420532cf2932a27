"""Telling those whom a wish concerns, so that they ask at once (docs/rules.md C1, C2).

Best effort: a word that is lost costs a parked upgrade a while, and an idle set its usual wait.
"""

import asyncio
import logging
from datetime import timedelta

from api.services.dependencies import Services
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.wishes import Hold
from instar.store.errors import StoreError

_log = logging.getLogger(__name__)

AT_ONCE = 20
"""Signals under way at the same time."""

ALL_WITHIN = timedelta(seconds=30)
"""With Temporal away the rest are let be."""


async def tell_set(services: Services, scale_set: ScaleSetIdentity) -> None:
    """Have the running upgrade of a set ask anew, and an idle one look sooner."""
    latest = await asyncio.to_thread(services.store.upgrades.latest, scale_set.unique_id)
    if latest is not None and not latest.status.ended:
        await services.gateway.look_again(scale_set, latest.number)
        return
    await services.gateway.nudge(scale_set)


async def tell_all_below(services: Services, hold: Hold) -> None:
    """The same for every set that a hold covers."""
    try:
        sets = await asyncio.to_thread(services.store.scale_sets.identities)
    except StoreError as error:
        _log.warning(
            "no set was told of the hold '%s', all see it at their next look: %s", hold.name, type(error).__name__
        )
        return
    concerned = [identity for identity, _ in sets if hold.covers(identity.resource_id)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def tell(scale_set: ScaleSetIdentity) -> None:
        async with gate:
            try:
                await tell_set(services, scale_set)
            except StoreError as error:
                _log.warning(
                    "%s was not told of a change of its holds, and sees it at its next look: %s",
                    scale_set.resource_id,
                    type(error).__name__,
                )

    try:
        async with asyncio.timeout(ALL_WITHIN.total_seconds()):
            await asyncio.gather(*map(tell, concerned))
    except TimeoutError:
        _log.warning("not every set was told of the hold '%s': the others see it at their next look", hold.name)
