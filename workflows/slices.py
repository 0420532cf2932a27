"""Effects on many instances as a few activities: rows where there are few, even slices where there are many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.disks import DiskActivities
from activities.instance_actions import InstanceActionActivities
from domain.instance_ids import InstanceIds
from domain.messages.instance_actions import ActionSlice, InstanceAction
from domain.messages.os_upgrade import RestoreSlice, SliceOutcome, SwapSlice, UpgradePlan
from domain.names import COMPUTE_QUEUE
from domain.scale_sets import ScaleSetIdentity
from workflows import options

ROWS = 16
"""Activities of one step at the most: up to 16 instances each has its own row in the Temporal UI."""

SLICE_AT_LEAST = 16
"""Above that a row is an even slice of so many instances or more: a row each would double what many small sets cost."""

Slice = SwapSlice | RestoreSlice | ActionSlice
Handle = workflow.ActivityHandle[SliceOutcome]


class InstanceEffects:
    """What one operation does to instances: all slices at once, each instance by itself (F2)."""

    def __init__(self, scale_set: ScaleSetIdentity, number: int) -> None:
        self._scale_set = scale_set
        self._number = number

    async def bring(self, plan: UpgradePlan, ids: InstanceIds, keeps_disk: InstanceIds, batch: int = 0) -> SliceOutcome:
        """The pinned model for all of them, on a disk of the pinned version but for those that keep theirs."""
        handles = [
            *self._swapping(plan, ids - keeps_disk, batch),
            *self._applying(plan, keeps_disk, batch),
        ]
        return await _all(handles)

    async def restore(self, plan: UpgradePlan, ids: InstanceIds, batch: int) -> SliceOutcome:
        """Previous disks back (P7)."""
        parts = [
            RestoreSlice(scale_set=self._scale_set, number=self._number, batch=batch, plan=plan, ids=one)
            for one in slices(ids)
        ]
        return await _all(_begun(DiskActivities.restore_os_disks, parts, "restore the previous OS disk of {}"))

    async def act(self, action: InstanceAction, ids: InstanceIds) -> SliceOutcome:
        """What was asked of instances one by one."""
        parts = [
            ActionSlice(scale_set=self._scale_set, number=self._number, action=action, ids=one) for one in slices(ids)
        ]
        return await _all(_begun(InstanceActionActivities.act_on_instances, parts, f"{action.kind} {{}}"))

    def _swapping(self, plan: UpgradePlan, ids: InstanceIds, batch: int) -> list[tuple[InstanceIds, Handle]]:
        parts = self._swap_slices(plan, ids, batch)
        return _begun(DiskActivities.swap_os_disks, parts, f"swap OS disk of {{}} to {plan.target.version}")

    def _applying(self, plan: UpgradePlan, ids: InstanceIds, batch: int) -> list[tuple[InstanceIds, Handle]]:
        parts = self._swap_slices(plan, ids, batch)
        return _begun(DiskActivities.apply_models, parts, f"model generation {plan.generation} for {{}}")

    def _swap_slices(self, plan: UpgradePlan, ids: InstanceIds, batch: int) -> list[SwapSlice]:
        return [
            SwapSlice(scale_set=self._scale_set, number=self._number, batch=batch, plan=plan, ids=one)
            for one in slices(ids)
        ]


def slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    """A row each, or even slices."""
    count = len(ids) if len(ids) <= ROWS else min(ROWS, len(ids) // SLICE_AT_LEAST)
    return ids.slices(count)


def _begun(
    effect: Callable[[Any, Any], Awaitable[SliceOutcome]], parts: Sequence[Slice], summary: str
) -> list[tuple[InstanceIds, Handle]]:
    return [
        (
            one.ids,
            workflow.start_activity_method(
                effect,
                one,
                task_queue=COMPUTE_QUEUE,
                summary=summary.format(one.ids.ranges[:100]),
                **options.DISKS,
            ),
        )
        for one in parts
    ]


async def _all(begun: Sequence[tuple[InstanceIds, Handle]]) -> SliceOutcome:
    """Every slice's outcome. One that was refused for good is a failure of its instances, no end of the operation."""
    total = SliceOutcome()
    for ids, handle in begun:
        try:
            total = total.merged(await handle)
        except ActivityError as error:
            reasons = dict.fromkeys(ids, str(error.cause)) if len(ids) == 1 else {}
            total = total.merged(SliceOutcome(failed=ids, reasons=reasons))
    return total
