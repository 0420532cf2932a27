"""Swapping, restoring and collecting OS disks, and the model alone: slices, instance by instance (P4, P5, P7)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import beating
from activities.machine_models import machine_model, models_of
from activities.translation import translated
from compute.errors import InstanceFailed, InstanceGone, NotBegun, TryAgain, UpgradeImpossible
from compute.provider import Effect, Fence, Provider, Step
from domain.instance_ids import InstanceIds
from domain.messages.instance_actions import ActionSlice
from domain.messages.os_upgrade import RestoreSlice, SliceOutcome, SwapSlice
from domain.messages.scale_set import CollectDisks
from domain.records import DETAILS_AT_MOST
from store.store import Store


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

            return await each(request.ids, swap)

    @activity.defn
    async def apply_models(self, request: SwapSlice) -> SliceOutcome:
        """Give each instance of the slice the pinned model, and leave it its disk (contract.md 2.5)."""
        async with translated():
            model = await machine_model(self.store, request.scale_set, request.plan.generation)

            async def apply(instance_id: str) -> None:
                effect = effect_of(request, Step.APPLY if request.begin else Step.END_APPLY, instance_id)
                await self.provider.apply_model(effect, model)

            return await each(request.ids, apply)

    @activity.defn
    async def restore_os_disks(self, request: RestoreSlice) -> SliceOutcome:
        """Give each instance of the slice its previous disk back (P7)."""
        async with translated():
            models = models_of(self.store, request.scale_set)

            async def restore(instance_id: str) -> None:
                effect = effect_of(request, Step.RESTORE if request.begin else Step.END_RESTORE, instance_id)
                await self.provider.restore_os_disk(effect, models)

            return await each(request.ids, restore)

    @activity.defn
    async def collect_os_disks(self, request: CollectDisks) -> int:
        """Delete what those upgrades put aside; how many disks that were (P5)."""
        async with translated(), beating():
            return await self.provider.discard_os_disks(request.scale_set, request.numbers)


def effect_of(request: SwapSlice | RestoreSlice | ActionSlice, step: Step, instance_id: str) -> Effect:
    """The key of what this attempt of the activity does to one instance."""
    attempt = activity.info().attempt
    return Effect(request.scale_set, Fence(request.number, step, attempt), instance_id, request.batch)


async def each(ids: InstanceIds, act: Callable[[str], Awaitable[None]]) -> SliceOutcome:
    """Act on every instance at once; what may work later fails the attempt after the others have come to their end.

    Asked to cancel, what was begun comes to its end all the same; what may work later is then left out of the answer.
    """
    told = activity.info().heartbeat_details
    outcome = SliceOutcome.model_validate(told[0]) if told and told[0] else SliceOutcome()
    later: list[TryAgain] = []
    done: list[str] = []

    def so_far() -> SliceOutcome:
        return outcome.merged(SliceOutcome(done=InstanceIds.of(done)))

    async def one(instance_id: str) -> None:
        nonlocal outcome
        this = InstanceIds.of([instance_id])
        try:
            await act(instance_id)
            done.append(instance_id)
        except TryAgain as error:
            later.append(error)
        except NotBegun:
            outcome = outcome.merged(SliceOutcome(not_begun=this))
        except InstanceGone:
            outcome = outcome.merged(SliceOutcome(vanished=this))
        except InstanceFailed as error:
            reasons = {instance_id: str(error)} if len(outcome.reasons) < DETAILS_AT_MOST else {}
            outcome = outcome.merged(SliceOutcome(failed=this, reasons=reasons))
        except UpgradeImpossible as error:
            outcome = outcome.merged(SliceOutcome(failed=this, impossible=str(error)))

    left = ids - outcome.known
    async with beating(so_far):
        # Every instance is begun before the first failure is looked at, so that none is cut off half-way.
        work = asyncio.gather(*(one(instance_id) for instance_id in left), return_exceptions=True)
        cancelled = await _to_the_end(work)
    activity.heartbeat(so_far())
    if errors := [result for result in work.result() if isinstance(result, BaseException)]:
        raise errors[0]
    if later and not cancelled:
        delay = max((error.retry_after for error in later if error.retry_after), default=None)
        raise ApplicationError(
            f"{len(later)} of {len(ids)} to be tried again: {later[0]}",
            type=type(later[0]).__name__,
            next_retry_delay=delay,
        )
    return so_far()


async def _to_the_end(work: asyncio.Future[list[BaseException | None]]) -> bool:
    """Wait for the work; a cancel that the workflow asked for cuts nothing off (P14). Returns whether one came.

    Any other cancel (a worker that stops, an attempt given up for lost) ends the work where it is: it is done again.
    """
    cancelled = False
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if cancelled or details is None or not details.cancel_requested:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                raise
            cancelled = True
    return cancelled
