"""As many machines as the model says, and none once the set is deleted (behaviour.md P15, P16)."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import beating
from activities.images import newest_version
from activities.machine_models import machine_model
from activities.quarantines import outdated_generations
from activities.translation import translated
from compute.provider import Provider
from domain.messages.scale_set import ApplyCapacity, CapacityApplied
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.store import Store

AT_ONCE = 100
"""Machines being made or deleted at the same time."""


@dataclass(frozen=True)
class CapacityActivities:
    """Making and deleting machines; done again it finds what is there and does the rest."""

    provider: Provider
    store: Store

    @activity.defn
    async def apply_capacity(self, request: ApplyCapacity) -> CapacityApplied:
        """Scale out with the newest version and the newest model (P16), or in from the highest instance id."""
        scale_set = request.scale_set
        document = await asyncio.to_thread(self.store.scale_sets.model, scale_set.unique_id, request.generation)
        model = ScaleSetModel.from_arm(document, request.generation)
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, request.generation)
        quarantine = request.quarantine.without_generations(outdated)
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            if len(instances) >= model.capacity:
                unprotected = sorted((int(one.instance_id) for one in instances if not one.protected), reverse=True)
                surplus = unprotected[: len(instances) - model.capacity]
                await self._delete(scale_set, [str(number) for number in surplus])
                return CapacityApplied(deleted=len(surplus), outdated=outdated)
            image = model.image
            if image.follows_latest:
                excluded = quarantine.excluded
                version = await newest_version(self.store, image, scale_set.location, excluded)
                if version is None:
                    error = f"no version of {image} is published in {scale_set.location}"
                    if excluded:
                        error += f" but what is quarantined here: {', '.join(excluded)}"
                    return CapacityApplied(error=error, outdated=outdated)
                image = image.at(version)
            opened = await machine_model(self.store, scale_set, request.generation)
            first = await self.provider.next_instance_id(scale_set)
            missing = model.capacity - len(instances)
            gate = asyncio.Semaphore(AT_ONCE)

            async def create(number: int) -> None:
                async with gate:
                    await self.provider.create_instance(scale_set, str(number), image, opened)

            await asyncio.gather(*(create(number) for number in range(first, first + missing)))
            return CapacityApplied(created=missing, outdated=outdated)

    @activity.defn
    async def delete_scale_set(self, scale_set: ScaleSetIdentity) -> None:
        """Delete every machine, then what is stored of the set."""
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            await self._delete(scale_set, [one.instance_id for one in instances])
        await asyncio.to_thread(self.store.scale_sets.delete, scale_set.unique_id)

    async def _delete(self, scale_set: ScaleSetIdentity, ids: list[str]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def delete(instance_id: str) -> None:
            async with gate:
                await self.provider.delete_instance(scale_set, instance_id)

        await asyncio.gather(*(delete(one) for one in ids))
