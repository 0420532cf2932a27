"""What keeps an upgrade by hand from beginning, as far as it can be told at once (docs/rules.md B6, C1, C2, C4).

The set's workflow finds out the same before it begins. Its word comes later, with the operation: so whoever asks is
told here, where the compute answers in time.
"""

import asyncio
from datetime import timedelta

from api.services.dependencies import Services
from api.wire.errors import blocked, invalid, not_allowed
from instar.compute.errors import ComputeError
from instar.domain.decisions.starts import Asked, unknown_instances, version_asked
from instar.domain.eligibility.eligibility import start_blockers
from instar.domain.machines.instances import Instance
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.next_step import may_not_begin
from instar.domain.steering.start_wishes import StartWishes
from instar.store.sets import offered
from instar.store.sets.stored_scale_set import StoredScaleSet

LISTED_WITHIN = timedelta(seconds=5)
"""How long the compute has to list the machines; if it takes longer, the start is accepted and judged later."""


async def refuse_what_cannot_begin(
    services: Services, stored: StoredScaleSet, wished: StartWishes | None = None
) -> None:
    """Raises ArmError 409 where no unprotected instance follows the newest version, or operators hold it (C1, C2).

    And of what is `wished`: 400 for a version that is not on offer, or an instance that the set does not have; 409 for
    a version that is quarantined, unless that is waived (C4).
    """
    identity, now = stored.identity, services.clock()
    wishes = await asyncio.to_thread(services.store.wishes.binding, identity.unique_id, identity.resource_id, now)
    if park := may_not_begin(wishes, wished.override if wished else ()):
        raise not_allowed(f"No upgrade of the scale set '{identity.name}' begins now: {park.reason}.")
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    if wished and model.image.follows_latest:
        asked = await asyncio.to_thread(version_wished, services, stored, wished)
        if asked.quarantined:
            raise not_allowed(f"No upgrade of the scale set '{identity.name}' begins now: {asked.refusal}.")
        if asked.refusal and wished.version:
            raise invalid(f"{asked.refusal[:1].upper()}{asked.refusal[1:]}.", "version")
        if asked.refusal:
            raise not_allowed(f"{asked.refusal[:1].upper()}{asked.refusal[1:]}.")
    instances = await listed_soon(services, stored)
    if instances is None:
        return
    if not instances and model.capacity and model.image.follows_latest:
        return  # they are just being made, and are there before the upgrade begins
    if blockers := start_blockers(model, instances):
        raise blocked(blockers)
    if wished and (unknown := unknown_instances(wished, instances, identity.name)):
        raise invalid(f"{unknown[:1].upper()}{unknown[1:]}.", "instances")


async def listed_soon(services: Services, stored: StoredScaleSet) -> tuple[Instance, ...] | None:
    """The machines; None where the compute does not list them in time."""
    try:
        async with asyncio.timeout(LISTED_WITHIN.total_seconds()):
            return await services.provider.list_instances(stored.identity)
    except (ComputeError, TimeoutError):
        return None


def version_wished(services: Services, stored: StoredScaleSet, wished: StartWishes) -> Asked:
    """The version that a start goes to, by what is stored: the same decision as that of the set's workflow."""
    store, unique_id, location = services.store, stored.identity.unique_id, stored.identity.location
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    quarantine = (store.statuses.get(unique_id) or ScaleSetStatus()).quarantine
    outdated = offered.outdated_generations(store, unique_id, quarantine, stored.machine_generation)
    versions = offered.offered_versions(store, model.image, location, services.clock())
    return version_asked(model.image, location, versions, wished, quarantine.without_generations(outdated))
