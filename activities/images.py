"""Which version an upgrade would be pinned to, and whether one may start (behaviour.md P1, P19, B6, I1 to I3)."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.heartbeats import beating
from activities.translation import translated
from compute.clock import Clock, utc_now
from compute.provider import Provider
from domain import galleries
from domain.eligibility import start_blockers
from domain.health import HealthSource
from domain.images import ImageReference, newest
from domain.instances import Instance
from domain.messages.os_upgrade import UpgradePlan
from domain.messages.scale_set import Resolution, ResolveUpgrade
from domain.policies import StartedBy, UpgradeMode, policy_in_force
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.health_sources import health_source_of
from store.store import Store


async def offered_versions(store: Store, image: ImageReference, location: str, now: datetime) -> list[str]:
    """The versions that `latest` may mean in a region: those of the catalogue (I1), or of the gallery image (I2)."""
    if image.id:
        found = await asyncio.to_thread(store.resources.children, galleries.VERSION, image.id)
        return galleries.offered_versions({one.name: one.document for one in found}, location, now)
    rows = await asyncio.to_thread(store.images.versions, image.publisher, image.offer, image.sku, location)
    return [row.version for row in rows]


async def newest_version(
    store: Store, image: ImageReference, location: str, now: datetime, excluded: Collection[str] = ()
) -> str | None:
    """The newest version that is offered in a region (I1, I2) and not excluded (T5), None of none."""
    offered = await offered_versions(store, image, location, now)
    return newest(version for version in offered if version not in excluded)


async def why_withdrawn(store: Store, target: ImageReference, location: str, now: datetime) -> str:
    """Why an upgrade cannot go on to a version that it is pinned to, as half a sentence; empty if it can (P19).

    The owner of a gallery takes a version back by deleting it, by excluding it from latest, or by taking its copy out
    of the region.
    """
    if target.id:
        version = await asyncio.to_thread(store.resources.find, target.version_id)
        return galleries.not_offered(version.document, location, now) if version else "it was deleted"
    names = (target.publisher, target.offer, target.sku, target.version)
    row = await asyncio.to_thread(store.images.get, *names, location)
    return "" if row is not None and not row.withdrawn else "it is not published any more"


async def newest_model(store: Store, scale_set: ScaleSetIdentity) -> ScaleSetModel | None:
    """The newest stored model, by the generation that machines get; None if the set is not stored (any more)."""
    stored = await asyncio.to_thread(store.scale_sets.by_unique_id, scale_set.unique_id)
    return ScaleSetModel.from_arm(stored.document, stored.machine_generation) if stored else None


@dataclass(frozen=True)
class ImageActivities:
    """Looks at the catalogue."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

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
        version = await newest_version(self.store, model.image, request.scale_set.location, self.clock())
        if version is None:
            where = request.scale_set.location
            return Resolution(plan=None, reason=f"no version of {model.image} is published in {where}", refused=True)
        target = model.image.at(version)
        if request.started_by is StartedBy.PLATFORM and _all_on(instances, target):
            return Resolution(plan=None, reason=f"nothing to do: every instance is on {version} already")
        source = await asyncio.to_thread(health_source_of, self.store, model)
        return Resolution(
            plan=_plan(model, target, request.started_by, source), reason=f"{target} is the newest version"
        )


def _plan(model: ScaleSetModel, target: ImageReference, started_by: StartedBy, source: HealthSource) -> UpgradePlan:
    policy = model.upgrade_policy
    return UpgradePlan(
        target=target,
        generation=model.generation,
        policy=policy_in_force(policy, started_by),
        auto_rollback=started_by is StartedBy.PLATFORM and not policy.automatic.disable_automatic_rollback,
        manual_mode=policy.mode is UpgradeMode.MANUAL,
        health_source=source,
        by_update_domain=model.service_fabric is not None,
    )


def _all_on(instances: tuple[Instance, ...], target: ImageReference) -> bool:
    return all(one.os_disk is not None and one.os_disk.image.same_as(target) for one in instances)
