"""What would bring the instances of a set to its newest model (docs/rules.md P1, P12, K5, K4)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.heartbeats import beating
from activities.images import newest_version
from activities.plans import plan_for
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.decisions.model_changes import is_on_model, needs_image
from instar.domain.machines.instances import Instance
from instar.domain.messages.instance_actions import ModelChange, ResolveModelChange
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy, UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.store import Store


@dataclass(frozen=True)
class ModelChangeActivities:
    """Looks at the newest model and at who is on it; nothing here changes a machine."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def resolve_model_change(self, request: ResolveModelChange) -> ModelChange:
        """Pin model, image and policy of a change of the model, or say why nothing is to be done.

        Raises RecordsBehind (F7).
        """
        async with translated(), beating():
            instances = await self.provider.list_instances(request.scale_set)
            await refuse_old_records(self.store, request.scale_set, instances)
        change, mode = await model_change(self.store, request.scale_set, instances, self.clock())
        if change.plan is None:
            return change
        if mode is UpgradeMode.MANUAL:
            reason = "in mode Manual nothing is done before manualupgrade"
            return change.model_copy(update={"plan": None, "reason": reason})
        plan = change.plan
        if all(is_on_model(instance, plan) or instance.protected for instance in instances):
            reason = f"nothing to do: every instance that is not protected is on model generation {plan.generation}"
            return change.model_copy(update={"plan": None, "reason": reason})
        return change.model_copy(update={"rolling": mode is UpgradeMode.ROLLING})


async def model_change(
    store: Store, scale_set: ScaleSetIdentity, instances: Iterable[Instance], now: datetime
) -> tuple[ModelChange, UpgradeMode]:
    """The plan that brings instances to the newest model; refused where they need an image that nobody offers."""
    stored = await asyncio.to_thread(store.scale_sets.by_unique_id, scale_set.unique_id)
    if stored is None:
        return ModelChange(reason="the scale set is not stored any more", refused=True), UpgradeMode.MANUAL
    generation = stored.machine_generation
    model = ScaleSetModel.from_arm(stored.document, generation)
    target, offered = model.image, True
    if model.image.follows_latest:
        version = await newest_version(store, model.image, scale_set.location, now)
        offered = version is not None
        target = model.image if version is None else model.image.at(version)
    policy = model.upgrade_policy
    plan = await plan_for(
        store,
        model,
        target,
        StartedBy.USER,
        auto_rollback=False,
        kind=UpgradeKind.MODEL_CHANGE,
        any_version=model.image.follows_latest,
    )
    if not offered and needs_image(instances, plan):
        reason = model.image.not_published_in(scale_set.location)
        return ModelChange(generation=generation, reason=reason, refused=True), policy.mode
    return ModelChange(plan=plan, generation=generation, reason=f"model generation {generation}"), policy.mode
