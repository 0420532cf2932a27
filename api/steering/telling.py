"""Telling those whom a wish concerns, so that they ask at once (docs/rules.md C1, C2).

Best effort: a word that is lost costs a parked upgrade a while, and an idle set its usual wait.
"""

import asyncio
import logging
from collections.abc import Collection
from functools import partial

from api.services.dependencies import Services
from api.services.signals import to_all
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import TURNS
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


async def tell_turns(services: Services) -> None:
    """A limit is another one: whoever may go on by it does so, and what runs already is counted (W4)."""
    try:
        settled = await asyncio.to_thread(services.store.turns.settle)
        known = {one.unique_id: one for one, _ in await asyncio.to_thread(services.store.scale_sets.identities)}
    except StoreError as error:
        _log.warning("no upgrade was told of a limit: its keeper does so within a minute: %s", type(error).__name__)
        return
    if settled.turns:
        await services.gateway.begin_keepers([Keeps(what=TURNS)])
    numbers = {one.unique_id: one.number for one in settled.granted if one.unique_id in known}

    async def tell(scale_set: ScaleSetIdentity) -> bool:
        return await services.gateway.look_again(scale_set, numbers[scale_set.unique_id])

    await to_all([known[unique_id] for unique_id in numbers], tell)


async def nudge_all(services: Services, unique_ids: Collection[str]) -> None:
    """These sets may look sooner: what kept a version from them is gone (W5)."""
    try:
        known = await asyncio.to_thread(services.store.scale_sets.identities)
    except StoreError as error:
        _log.warning("no set was told that its rings are gone: %s", type(error).__name__)
        return
    await to_all([one for one, _ in known if one.unique_id in unique_ids], services.gateway.nudge)
