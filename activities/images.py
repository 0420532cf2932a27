"""Which version an upgrade would be pinned to, and whether one may start (rules P1, P19, B6, C4, I1-I3, T1-T7)."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.heartbeats import beating
from activities.keeping.handing_over import left_to_others
from activities.keeping.platform import PlatformLook
from activities.kept.rollbacks import resolve_rollback
from activities.plans import plan_for
from activities.records.quarantines import outdated_generations
from activities.records.records_age import refuse_old_records
from activities.steering import why_not_begun
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.decisions.starts import rolls_back, unknown_instances, version_asked
from instar.domain.eligibility.eligibility import start_blockers
from instar.domain.images.images import ImageReference, newest
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.quarantine import same
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.domain.steering.start_wishes import StartWishes
from instar.store import image_versions
from instar.store.sets import offered
from instar.store.store import Store


async def offered_versions(store: Store, image: ImageReference, location: str, now: datetime) -> list[str]:
    """The versions that `latest` may mean in a region: those of the catalogue (I1), or of the gallery image (I2)."""
    return await asyncio.to_thread(offered.offered_versions, store, image, location, now)


async def newest_version(
    store: Store, image: ImageReference, location: str, now: datetime, excluded: Collection[str] = ()
) -> str | None:
    """The newest version that is offered in a region (I1, I2) and not excluded (T5); None where no version is."""
    versions = await offered_versions(store, image, location, now)
    return newest(version for version in versions if not any(same(version, one) for one in excluded))


async def why_withdrawn(store: Store, target: ImageReference, location: str, now: datetime) -> str:
    """Why an upgrade cannot go on to a version that it is pinned to, as half a sentence; empty if it can (P19)."""
    return await asyncio.to_thread(image_versions.why_withdrawn, store, target, location, now)


async def newest_model(store: Store, scale_set: ScaleSetIdentity) -> ScaleSetModel | None:
    """The newest stored model; None if the set is not stored (any more)."""
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
        """Pin version, generation and policy, or say why no upgrade starts (C1, C2). Raises RecordsBehind (F7)."""
        model = await newest_model(self.store, request.scale_set)
        if model is None:
            return Resolution(plan=None, reason="the scale set is not stored any more", refused=True)
        waived = request.wishes.waived if request.wishes else ()
        goes_back = request.wishes is not None and request.wishes.goes_back
        kept_back = await why_not_begun(self.store, request.scale_set, self.clock(), waived, goes_back=goes_back)
        if kept_back:
            resolution = Resolution(plan=None, reason=kept_back, refused=True, settled=request.settled)
        elif goes_back:
            resolution = await resolve_rollback(self.provider, self.store, request, model, self.clock())
        elif request.started_by is StartedBy.USER:
            resolution = await self._by_hand(request, model)
        else:
            resolution = await PlatformLook(self.provider, self.store, self.clock).look(request, model)
        return await left_to_others(self.store, request, model, resolution)

    async def _by_hand(self, request: ResolveUpgrade, model: ScaleSetModel) -> Resolution:
        """Whatever is newest, quarantined or not (T4); where something is wished, as it is wished (C4)."""
        if refusal := await self._refusal(request.scale_set, model, request.wishes):
            return Resolution(plan=None, reason=refusal, refused=True)
        if request.wishes:
            return await self._as_wished(request, model, request.wishes)
        version = await newest_version(self.store, model.image, request.scale_set.location, self.clock())
        if version is None:
            return _nothing_offered(model, request.scale_set.location)
        target = model.image.at(version)
        plan = await self._plan(request.scale_set, model, target, request.started_by)
        return Resolution(plan=plan, reason=f"{target} is the newest version")

    async def _as_wished(self, request: ResolveUpgrade, model: ScaleSetModel, wishes: StartWishes) -> Resolution:
        """An exact version, also a lower one; a quarantined one takes an override (C4)."""
        scale_set = request.scale_set
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, model.generation)
        quarantine = request.quarantine.without_generations(outdated)
        versions = await offered_versions(self.store, model.image, scale_set.location, self.clock())
        asked = version_asked(model.image, scale_set.location, versions, wishes, quarantine)
        if asked.refusal:
            return Resolution(plan=None, reason=asked.refusal, refused=True)
        target = model.image.at(asked.version)
        plan = await self._plan(scale_set, model, target, request.started_by, wishes=wishes)
        return Resolution(plan=plan, reason=wishes.sentence(asked.version))

    async def _refusal(self, scale_set: ScaleSetIdentity, model: ScaleSetModel, wishes: StartWishes | None) -> str:
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            await refuse_old_records(self.store, scale_set, instances)
        if blockers := start_blockers(model, instances):
            return " ".join(blocker.message for blocker in blockers)
        return unknown_instances(wishes, instances, scale_set.name) if wishes else ""

    async def _plan(  # passed on
        self,
        scale_set: ScaleSetIdentity,
        model: ScaleSetModel,
        target: ImageReference,
        started_by: StartedBy,
        wishes: StartWishes | None = None,
    ) -> UpgradePlan:
        """The set's own rollout policy, else the default one, is pinned with the rest (P1)."""
        stored = await asyncio.to_thread(self.store.rollout_policies.in_force, scale_set.unique_id)
        return await plan_for(
            self.store,
            model,
            target,
            started_by,
            auto_rollback=rolls_back(model, started_by, wishes),
            rollout=stored.policy if stored else None,
            wishes=wishes,
        )


def _nothing_offered(model: ScaleSetModel, location: str) -> Resolution:
    return Resolution(plan=None, reason=model.image.not_published_in(location), refused=True)
