"""Swapping, restoring and collecting OS disks, and the model alone: slices, instance by instance (P4, P5, P7)."""

from dataclasses import dataclass

from temporalio import activity

from activities.attempts import each
from activities.heartbeats import beating
from activities.machine_models import machine_model, models_of
from activities.translation import translated
from instar.compute.provider import Effect, Fence, Made, Provider, Step
from instar.domain.messages.instance_actions import ActionSlice
from instar.domain.messages.os_upgrade import GiveBackSlice, RestoreSlice, SliceOutcome, SwapSlice
from instar.domain.messages.scale_set import CollectDisks
from instar.store.store import Store


@dataclass(frozen=True)
class DiskActivities:
    """Effects on machines. Every one may be done again: the compute looks before it acts (F2)."""

    provider: Provider
    store: Store

    @activity.defn
    async def swap_os_disks(self, request: SwapSlice) -> SliceOutcome:
        """Give each instance of the slice a disk of the pinned version, with the pinned model (P4)."""
        async with translated():
            model = await machine_model(self.store, request.scale_set, request.plan.generation)

            async def swap(instance_id: str) -> None:
                effect = effect_of(request, Step.SWAP if request.begin else Step.END_SWAP, instance_id)
                await self.provider.swap_os_disk(effect, request.plan.target, model)

            return await each(request.ids, swap, self.provider, request.scale_set)

    @activity.defn
    async def apply_models(self, request: SwapSlice) -> SliceOutcome:
        """Give each instance of the slice the pinned model, and leave it its disk (docs/rules.md K4)."""
        async with translated():
            model = await machine_model(self.store, request.scale_set, request.plan.generation)

            async def apply(instance_id: str) -> None:
                effect = effect_of(request, Step.APPLY if request.begin else Step.END_APPLY, instance_id)
                await self.provider.apply_model(effect, model)

            return await each(request.ids, apply, self.provider, request.scale_set)

    @activity.defn
    async def restore_os_disks(self, request: RestoreSlice) -> SliceOutcome:
        """Give each instance of the slice its previous disk back (P7)."""
        async with translated():
            models = models_of(self.store, request.scale_set)
            made = Made(request.plan.target, request.plan.generation)

            async def restore(instance_id: str) -> None:
                effect = effect_of(request, Step.RESTORE if request.begin else Step.END_RESTORE, instance_id)
                await self.provider.restore_os_disk(effect, models, made)

            return await each(request.ids, restore, self.provider, request.scale_set)

    @activity.defn
    async def give_back_os_disks(self, request: GiveBackSlice) -> SliceOutcome:
        """Give each instance of the slice a disk that is kept for it, whichever operation put it aside (R2)."""
        async with translated():
            models = models_of(self.store, request.scale_set)
            kept = Made(request.image, request.generation)

            async def give_back(instance_id: str) -> None:
                effect = effect_of(request, Step.GIVE_BACK if request.begin else Step.END_GIVE_BACK, instance_id)
                await self.provider.give_back_os_disk(effect, kept, models)

            return await each(request.ids, give_back, self.provider, request.scale_set)

    @activity.defn
    async def collect_os_disks(self, request: CollectDisks) -> int:
        """Delete what those upgrades put aside; how many disks that were (P5)."""
        async with translated(), beating():
            return await self.provider.discard_os_disks(request.scale_set, keys=request.operation_keys)


ATTEMPTS_AT_MOST = 1_000_000
"""Of one activity: a year of attempts, half a minute apart. After an interruption the count begins above it."""


def effect_of(request: SwapSlice | RestoreSlice | GiveBackSlice | ActionSlice, step: Step, instance_id: str) -> Effect:
    """The key of what this attempt of the activity does to one instance."""
    interruptions = request.interruptions if isinstance(request, SwapSlice | ActionSlice) else 0
    attempt = interruptions * ATTEMPTS_AT_MOST + activity.info().attempt
    fence = Fence(request.number, step, attempt)
    return Effect(request.scale_set, fence, instance_id, request.batch, drawn=request.key)
