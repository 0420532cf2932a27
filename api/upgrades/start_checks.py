"""What keeps an upgrade by hand from beginning, as far as it can be told at once (docs/rules.md B6).

The set's workflow finds out the same before it begins. Its word comes later, with the operation: so whoever asks is
told here, where the compute answers in time.
"""

import asyncio
from datetime import timedelta

from api.services.dependencies import Services
from api.wire.errors import blocked, not_allowed
from instar.compute.errors import ComputeError
from instar.domain.eligibility.eligibility import start_blockers
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.next_step import may_not_begin
from instar.store.sets.stored_scale_set import StoredScaleSet

LISTED_WITHIN = timedelta(seconds=5)
"""How long the compute has to list the machines; if it takes longer, the start is accepted and judged later."""


async def refuse_what_cannot_begin(services: Services, stored: StoredScaleSet) -> None:
    """Raises ArmError 409 where no unprotected instance follows the newest version, or operators hold it (C1, C2)."""
    identity, now = stored.identity, services.clock()
    wishes = await asyncio.to_thread(services.store.wishes.binding, identity.unique_id, identity.resource_id, now)
    if park := may_not_begin(wishes):
        raise not_allowed(f"No upgrade of the scale set '{identity.name}' begins now: {park.reason}.")
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    try:
        async with asyncio.timeout(LISTED_WITHIN.total_seconds()):
            instances = await services.provider.list_instances(stored.identity)
    except (ComputeError, TimeoutError):
        return
    if not instances and model.capacity and model.image.follows_latest:
        return  # they are just being made, and are there before the upgrade begins
    if blockers := start_blockers(model, instances):
        raise blocked(blockers)
