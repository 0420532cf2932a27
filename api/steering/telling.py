"""Telling those whom a wish concerns, so that they ask at once (docs/rules.md C1, C2).

Best effort: a word that is lost costs a parked upgrade a while, and an idle set its usual wait.
"""

import asyncio
import logging
from functools import partial

from api.services.dependencies import Services
from api.services.signals import to_all
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.wishes import Hold
from instar.store.errors import StoreError

_log = logging.getLogger(__name__)


async def tell_set(services: Services, scale_set: ScaleSetIdentity) -> bool:
    """Have the running upgrade of a set ask anew, and an idle one look sooner; whether it heard."""
    try:
        latest = await asyncio.to_thread(services.store.upgrades.latest, scale_set.unique_id)
    except StoreError as error:
        _log.warning("%s was not told, and sees it at its next look: %s", scale_set.name, type(error).__name__)
        return False
    if latest is not None and not latest.status.ended:
        return await services.gateway.look_again(scale_set, latest.number)
    return await services.gateway.nudge(scale_set)


async def tell_all_below(services: Services, *holds: Hold) -> None:
    """The same for every set that one of these holds covers."""
    try:
        sets = await asyncio.to_thread(services.store.scale_sets.identities)
    except StoreError as error:
        _log.warning("no set was told of a hold, all see it at their next look: %s", type(error).__name__)
        return
    concerned = [one for one, _ in sets if any(hold.covers(one.resource_id) for hold in holds)]
    told = await to_all(concerned, partial(tell_set, services))
    if told < len(concerned):
        _log.warning("%d of %d sets heard of a hold: the others see it at their next look", told, len(concerned))
