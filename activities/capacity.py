"""As many machines as the model says, where they belong, and none once the set is deleted (behaviour.md P15, P16)."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import beating
from activities.images import newest_version
from activities.machine_models import machine_model
from activities.quarantines import outdated_generations
from activities.translation import translated
from compute.clock import Clock, utc_now
from compute.provider import Provider
from domain.instances import Instance
from domain.messages.scale_set import ApplyCapacity, CapacityApplied
from domain.placement import Placement, placements
from domain.scale_in import leaving
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.store import Store

AT_ONCE = 100
"""Machines being made or deleted at the same time."""


@dataclass(frozen=True)
class CapacityActivities:
    """Making and deleting machines; done again it finds what is there and does the rest."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def apply_capacity(self, request: ApplyCapacity) -> CapacityApplied:
        """Scale out with the newest version and the newest model (P16), over the zones; or in, by the set's rule."""
        scale_set = request.scale_set
        document = await asyncio.to_thread(self.store.scale_sets.model, scale_set.unique_id, request.generation)
        model = ScaleSetModel.from_arm(document, request.generation)
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, request.generation)
        quarantine = request.quarantine.without_generations(outdated)
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            if len(instances) > model.capacity:
                applied = await self._scale_in(scale_set, model, instances)
                return applied.model_copy(update={"outdated": outdated})
            missing = model.capacity - len(instances)
            places = placements(instances, model.zones, missing)
            applied = await self._scale_out(scale_set, model, places, quarantine.excluded)
            return applied.model_copy(update={"outdated": outdated})

    async def _scale_in(
        self, scale_set: ScaleSetIdentity, model: ScaleSetModel, instances: tuple[Instance, ...]
    ) -> CapacityApplied:
        surplus = len(instances) - model.capacity
        ids = leaving(instances, surplus, model.scale_in)
        await self._delete(scale_set, ids)
        if len(ids) == surplus:
            return CapacityApplied(deleted=len(ids))
        kept = surplus - len(ids)
        error = (
            f"{kept} instances more than the capacity of {model.capacity} are left: they are protected from scale-in"
        )
        return CapacityApplied(deleted=len(ids), error=error)

    async def _scale_out(
        self,
        scale_set: ScaleSetIdentity,
        model: ScaleSetModel,
        places: tuple[Placement, ...],
        excluded: Collection[str] = (),
    ) -> CapacityApplied:
        """New machines on the newest version that is not `excluded` (T5)."""
        if not places:
            return CapacityApplied()
        image = model.image
        if image.follows_latest:
            version = await newest_version(self.store, image, scale_set.location, self.clock(), excluded)
            if version is None:
                error = f"no version of {image} is published in {scale_set.location}"
                if excluded:
                    error += f" but what is quarantined here: {', '.join(excluded)}"
                return CapacityApplied(error=error)
            image = image.at(version)
        seen = await asyncio.to_thread(self.store.scale_sets.machine_generation, scale_set.unique_id, model.generation)
        opened = await machine_model(self.store, scale_set, seen)
        first = await self.provider.next_instance_id(scale_set)
        gate = asyncio.Semaphore(AT_ONCE)

        async def create(number: int, place: Placement) -> None:
            async with gate:
                await self.provider.create_instance(scale_set, str(number), image, opened, place)

        await asyncio.gather(*(create(number, place) for number, place in enumerate(places, first)))
        return CapacityApplied(created=len(places))

    @activity.defn
    async def delete_scale_set(self, scale_set: ScaleSetIdentity) -> None:
        """Delete every machine, then what is stored of the set."""
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            await self._delete(scale_set, [one.instance_id for one in instances])
        await asyncio.to_thread(self.store.scale_sets.delete, scale_set.unique_id)

    async def _delete(self, scale_set: ScaleSetIdentity, ids: Iterable[str]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def delete(instance_id: str) -> None:
            async with gate:
                await self.provider.delete_instance(scale_set, instance_id)

        await asyncio.gather(*(delete(one) for one in ids))
