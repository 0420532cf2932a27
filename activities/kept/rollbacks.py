"""What a rollback would be pinned to: who goes back to what, or why nobody does (docs/rules.md R2, P1)."""

import asyncio
import uuid
from datetime import datetime

from activities.heartbeats import beating
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.provider import Provider
from instar.domain.decisions.going_back import nobody_goes, plan_back, way_back
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.start_wishes import StartWishes
from instar.store import image_versions
from instar.store.health_sources import health_source_of
from instar.store.store import Store


async def resolve_rollback(
    provider: Provider, store: Store, request: ResolveUpgrade, model: ScaleSetModel, now: datetime
) -> Resolution:
    """The plan of a rollback, or why there is none. Raises RecordsBehind (F7).

    It needs no instance that follows the newest version: machines of a set that names an exact one may go back too. A
    revert of which no machine is left to do (C5) is not refused: it has come to what was wished.
    """
    scale_set, wishes = request.scale_set, request.wishes or StartWishes(goes_back=True)
    async with translated(), beating():
        instances = await provider.list_instances(scale_set)
        await refuse_old_records(store, scale_set, instances)
    found = way_back(instances, wishes, model.image, model.generation, request.quarantine)
    found = await asyncio.to_thread(image_versions.that_can_be_had, store, found, scale_set.location, now)
    if refusal := nobody_goes(found, instances, wishes):
        return Resolution(plan=None, reason=refusal, refused=not wishes.undoes)
    stored = await asyncio.to_thread(store.rollout_policies.in_force, scale_set.unique_id)
    plan = plan_back(
        model,
        await asyncio.to_thread(health_source_of, store, model),
        found,
        instances,
        request.started_by,
        rollout=stored.policy if stored else None,
        wishes=wishes,
        key=str(uuid.uuid4()),
    )
    return Resolution(plan=plan, reason=found.sentence)
