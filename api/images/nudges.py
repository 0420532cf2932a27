"""Telling the sets that use an image that there is something new, so that they look sooner (docs/rules.md T2).

Those that are idle are looked for together (`activities.keeping.set_looks`): that something was published is written
down with it, and whoever looks is woken. The others are told one by one; a nudge that is lost costs a set no more than
its usual wait.
"""

import asyncio
import logging

from api.services.dependencies import Services
from api.services.signals import to_all
from api.wire.properties import normal_location
from instar.domain.images.images import ImageReference
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.errors import StoreError

_log = logging.getLogger(__name__)


async def nudge_users_of(services: Services, image: ImageReference, location: str) -> int:
    """Nudge the sets in a region whose automatic upgrades follow that image, platform or gallery.

    How many were told by themselves: those for which no look is made.
    """
    await services.gateway.wake_looks()
    try:
        concerned = await asyncio.to_thread(_users_of, services, image, location)
    except StoreError as error:
        _log.warning("nobody was told of %s: %s", image, type(error).__name__)
        return 0
    told = await to_all(concerned, services.gateway.nudge)
    if told < len(concerned):
        _log.warning("%d of %d sets that use %s were told of it", told, len(concerned), image)
    return told


def _users_of(services: Services, image: ImageReference, location: str) -> list[ScaleSetIdentity]:
    found = []
    for stored in services.store.looks.unwatched(normal_location(location)):
        model = ScaleSetModel.from_arm(stored.document, stored.generation)
        automatic = model.upgrade_policy.automatic.enable_automatic_os_upgrade
        if automatic and not stored.deleting and model.image.follows_latest and model.image.line == image.line:
            found.append(stored.identity)
    return found
