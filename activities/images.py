"""Which version an upgrade would be pinned to, and whether one may start (behaviour.md P1, B6, I1, I3, T1-T7)."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import beating
from activities.looks import look_at
from activities.quarantines import outdated_generations
from activities.translation import translated
from compute.clock import Clock, utc_now
from compute.provider import Provider
from domain import batching
from domain.eligibility import start_blockers
from domain.images import ImageReference, newest
from domain.instance_ids import InstanceIds
from domain.instances import Instance
from domain.messages.os_upgrade import UpgradePlan
from domain.messages.scale_set import Resolution, ResolveUpgrade
from domain.policies import StartedBy, UpgradeMode, policy_in_force
from domain.progress import Outcome
from domain.quarantine import Quarantine, same
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from domain.triggers import Settled, hold_reason
from store.store import Store


async def newest_version(
    store: Store, image: ImageReference, location: str, excluded: Collection[str] = ()
) -> str | None:
    """The newest version that the catalogue offers in a region (I1) and that is not excluded (T5), None of none."""
    rows = await asyncio.to_thread(store.images.versions, image.publisher, image.offer, image.sku, location)
    return newest(row.version for row in rows if not any(same(row.version, one) for one in excluded))


async def newest_model(store: Store, scale_set: ScaleSetIdentity) -> ScaleSetModel | None:
    """The newest stored model; None if the set is not stored (any more)."""
    stored = await asyncio.to_thread(store.scale_sets.by_unique_id, scale_set.unique_id)
    return ScaleSetModel.from_arm(stored.document, stored.generation) if stored else None


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
        if request.started_by is StartedBy.USER:
            return await self._by_hand(request, model)
        resolution = await self._by_the_platform(request, model)
        if resolution.plan is None and request.status and request.at:
            status = request.status.model_copy(update={"last_look": resolution.reason})
            await asyncio.to_thread(self.store.statuses.write, request.scale_set.unique_id, status, request.at)
        return resolution

    async def _by_hand(self, request: ResolveUpgrade, model: ScaleSetModel) -> Resolution:
        """Whatever is newest, quarantined or not (T4)."""
        if refusal := await self._refusal(request.scale_set, model):
            return Resolution(plan=None, reason=refusal, refused=True)
        version = await newest_version(self.store, model.image, request.scale_set.location)
        if version is None:
            return _nothing_offered(model, request.scale_set.location)
        target = model.image.at(version)
        return Resolution(plan=_plan(model, target, request.started_by), reason=f"{target} is the newest version")

    async def _by_the_platform(self, request: ResolveUpgrade, model: ScaleSetModel) -> Resolution:
        """One look (T2): machines are listed only where something may have changed since they last were."""
        scale_set = request.scale_set
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, model.generation)
        quarantine = request.quarantine.without_generations(outdated)
        version = await newest_version(self.store, model.image, scale_set.location, quarantine.excluded)
        kept_out = await self._kept_out(scale_set, model, quarantine, version)
        if version is None:
            found = _nothing_offered(model, scale_set.location)
        elif request.at and (reason := hold_reason(request.held, version, request.at)):
            found = Resolution(plan=None, reason=reason)
        elif (
            request.settled
            and (request.settled.version, request.settled.generation) == (version, model.generation)
            and not outdated
        ):
            found = Resolution(plan=None, reason=request.settled.reason, settled=request.settled)
        else:
            found = await self._in_full(request, model, version, quarantine.behind(version))
        return found.model_copy(update={"reason": found.reason + kept_out, "outdated": outdated})

    async def _in_full(
        self, request: ResolveUpgrade, model: ScaleSetModel, version: str, behind: InstanceIds
    ) -> Resolution:
        """List the machines: is there one that an upgrade by the platform would touch (T1, T5, T7, B6)?"""
        scale_set, target = request.scale_set, model.image.at(version)
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            if blockers := start_blockers(model, instances):
                return Resolution(plan=None, reason=" ".join(one.message for one in blockers), refused=True)
            plan = _plan(model, target, request.started_by, behind)
            elsewhere = [one.instance_id for one in instances if not _is_on(one, target)]
            pending = InstanceIds()
            if elsewhere:
                # Who is left out (T5, T7, B6, and by what a machine says of itself) is said in one place, on a look.
                look = await look_at(self.provider, scale_set, model.health_source, self.clock, elsewhere)
                pending = batching.enrol(look, plan, request.started_by).of(Outcome.PENDING)
        if pending:
            return Resolution(plan=plan, reason=f"{target} is the newest version")
        reason = f"nothing newer than {version}"
        if elsewhere:
            reason += f"; left as they are: {InstanceIds.of(elsewhere).ranges[:100]}"
        until = request.at or self.clock()
        settled = Settled(version=version, generation=model.generation, reason=reason, until=until)
        return Resolution(plan=None, reason=reason, settled=settled)

    async def _refusal(self, scale_set: ScaleSetIdentity, model: ScaleSetModel) -> str:
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
        return " ".join(one.message for one in start_blockers(model, instances))

    async def _kept_out(
        self, scale_set: ScaleSetIdentity, model: ScaleSetModel, quarantine: Quarantine, version: str | None
    ) -> str:
        """The newest version that is on offer and quarantined, with the reason, for the end of a sentence (T5)."""
        if not quarantine.versions:
            return ""
        offered = await newest_version(self.store, model.image, scale_set.location)
        entry = None if offered is None or offered == version else quarantine.of(offered)
        return "" if entry is None else f"; quarantined: {entry.version} ({entry.reason})"


def _nothing_offered(model: ScaleSetModel, location: str) -> Resolution:
    return Resolution(plan=None, reason=f"no version of {model.image} is published in {location}", refused=True)


def _plan(
    model: ScaleSetModel, target: ImageReference, started_by: StartedBy, left_behind: InstanceIds | None = None
) -> UpgradePlan:
    policy = model.upgrade_policy
    return UpgradePlan(
        target=target,
        generation=model.generation,
        policy=policy_in_force(policy, started_by),
        auto_rollback=started_by is StartedBy.PLATFORM and not policy.automatic.disable_automatic_rollback,
        manual_mode=policy.mode is UpgradeMode.MANUAL,
        health_source=model.health_source,
        left_behind=left_behind or InstanceIds(),
    )


def _is_on(instance: Instance, target: ImageReference) -> bool:
    return instance.os_disk is not None and instance.os_disk.image == target
