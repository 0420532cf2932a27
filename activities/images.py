"""Which version an upgrade would be pinned to, and whether one may start (behaviour.md P1, B6, I1, I3)."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import beating
from activities.translation import translated
from compute.provider import Provider
from domain.eligibility import start_blockers
from domain.images import ImageReference, newest
from domain.instances import Instance
from domain.messages.os_upgrade import UpgradePlan
from domain.messages.scale_set import Resolution, ResolveUpgrade
from domain.policies import StartedBy, UpgradeMode, policy_in_force
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.store import Store


async def newest_version(store: Store, image: ImageReference, location: str) -> str | None:
    """The newest version that the catalogue offers in a region (I1), None of none."""
    rows = await asyncio.to_thread(store.images.versions, image.publisher, image.offer, image.sku, location)
    return newest(row.version for row in rows)


async def newest_model(store: Store, scale_set: ScaleSetIdentity) -> ScaleSetModel | None:
    """The newest stored model, by the generation that machines get; None if the set is not stored (any more)."""
    stored = await asyncio.to_thread(store.scale_sets.by_unique_id, scale_set.unique_id)
    return ScaleSetModel.from_arm(stored.document, stored.machine_generation) if stored else None


@dataclass(frozen=True)
class ImageActivities:
    """Looks at the catalogue."""

    provider: Provider
    store: Store

    @activity.defn
    async def resolve_upgrade(self, request: ResolveUpgrade) -> Resolution:
        """Pin version, generation and policy, or say why no upgrade starts."""
        model = await newest_model(self.store, request.scale_set)
        if model is None:
            return Resolution(plan=None, reason="the scale set is not stored any more", refused=True)
        async with translated(), beating():
            instances = await self.provider.list_instances(request.scale_set)
        if blockers := start_blockers(model, instances):
            return Resolution(plan=None, reason=" ".join(one.message for one in blockers), refused=True)
        version = await newest_version(self.store, model.image, request.scale_set.location)
        if version is None:
            where = request.scale_set.location
            return Resolution(plan=None, reason=f"no version of {model.image} is published in {where}", refused=True)
        target = model.image.at(version)
        if request.started_by is StartedBy.PLATFORM and _all_on(instances, target):
            return Resolution(plan=None, reason=f"nothing to do: every instance is on {version} already")
        return Resolution(plan=_plan(model, target, request.started_by), reason=f"{target} is the newest version")


def _plan(model: ScaleSetModel, target: ImageReference, started_by: StartedBy) -> UpgradePlan:
    policy = model.upgrade_policy
    return UpgradePlan(
        target=target,
        generation=model.generation,
        policy=policy_in_force(policy, started_by),
        auto_rollback=started_by is StartedBy.PLATFORM and not policy.automatic.disable_automatic_rollback,
        manual_mode=policy.mode is UpgradeMode.MANUAL,
        health_source=model.health_source,
    )


def _all_on(instances: tuple[Instance, ...], target: ImageReference) -> bool:
    return all(one.os_disk is not None and one.os_disk.image == target for one in instances)
