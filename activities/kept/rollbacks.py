"""What a rollback would be pinned to: who goes back to what, or why nobody does (docs/rules.md R2, P1)."""

import asyncio
from datetime import datetime

from activities.heartbeats import beating
from activities.plans import plan_for
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.provider import Provider
from instar.domain.decisions.going_back import left_versions, nobody_goes, way_back
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.start_wishes import StartWishes
from instar.store import image_versions
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
    plan = await plan_for(
        store,
        model,
        found.target,
        request.started_by,
        auto_rollback=False,
        kind=UpgradeKind.ROLLBACK,
        rollout=stored.policy if stored else None,
        wishes=wishes,
    )
    way = found.model_copy(update={"leaves": left_versions(found, instances)})
    return Resolution(plan=plan.model_copy(update={"way_back": way}), reason=found.sentence)
