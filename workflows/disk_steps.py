"""Swaps and restores of a batch in rows, and what a cancel does to them (behaviour.md P4, P7, P14)."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.disks import DiskActivities
from domain.instance_ids import InstanceIds
from domain.messages.os_upgrade import RestoreSlice, SliceOutcome, SwapSlice, UpgradeState
from domain.names import COMPUTE_QUEUE
from workflows import options

ROWS = 16
"""Activities of one step at the most: up to 16 instances each has its own row in the Temporal UI."""

SLICE_AT_LEAST = 16
"""Above that a row is an even slice of so many instances or more: a row each would double what many small sets cost."""

Handle = workflow.ActivityHandle[SliceOutcome]
Row = tuple[InstanceIds, Handle]


class DiskSteps:
    """Steps of one upgrade. Once `cancelled`, nothing begins any more; what was begun comes to its end."""

    def __init__(self, started: UpgradeState, cancelled: Callable[[], bool]) -> None:
        self._started = started
        self._cancelled = cancelled

    async def swap(self, batch: int, ids: InstanceIds) -> SliceOutcome:
        """Disks of the target version for these instances; `not_begun` are those that a cancel kept from it."""
        target = self._started.plan.target.version

        def row(part: InstanceIds, what: str, *, begin: bool) -> Handle:
            return workflow.start_activity_method(
                DiskActivities.swap_os_disks,
                SwapSlice(ids=part, begin=begin, **self._slice(batch)),
                summary=f"{what}swap OS disk of {part.ranges[:100]} to {target}",
                **options.DISKS,
                **_ROW,
            )

        return await self._carry_out(ids, row)

    async def restore(self, batch: int, ids: InstanceIds) -> SliceOutcome:
        """The previous disks of these instances; `not_begun` as for a swap."""

        def row(part: InstanceIds, what: str, *, begin: bool) -> Handle:
            return workflow.start_activity_method(
                DiskActivities.restore_os_disks,
                RestoreSlice(ids=part, begin=begin, **self._slice(batch)),
                summary=f"{what}restore the previous OS disk of {part.ranges[:100]}",
                **options.DISKS,
                **_ROW,
            )

        return await self._carry_out(ids, row)

    def _slice(self, batch: int) -> dict[str, Any]:
        started = self._started
        return {"scale_set": started.scale_set, "number": started.number, "batch": batch, "plan": started.plan}

    async def _carry_out(self, ids: InstanceIds, row: Callable[..., Handle]) -> SliceOutcome:
        if self._cancelled():
            return SliceOutcome(not_begun=ids)
        rows = [(part, row(part, "", begin=True)) for part in _slices(ids)]
        await self._until_done_or_cancelled(rows)
        outcome = await _outcome(rows, for_good=not self._cancelled())
        left = ids - outcome.known
        if not left:
            return outcome
        # A cancelled row says nothing of those that were to be tried again, or nothing at all if its worker died.
        ends = [(part, row(part, "cancelled; end what was begun: ", begin=False)) for part in _slices(left)]
        return outcome.merged(await _outcome(ends, for_good=True))

    async def _until_done_or_cancelled(self, rows: list[Row]) -> None:
        await workflow.wait_condition(lambda: self._cancelled() or all(handle.done() for _, handle in rows))
        for _, handle in rows:
            if not handle.done():
                handle.cancel()


_ROW: dict[str, Any] = {
    "task_queue": COMPUTE_QUEUE,
    # A cancelled row still tells how far it came: its begun machines come to their end first (P14).
    "cancellation_type": workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}


async def _outcome(rows: list[Row], *, for_good: bool) -> SliceOutcome:
    """Every row's outcome together. One that was refused for good is a failure of its instances, no end of the upgrade.

    for_good: whether any other end of a row is to be taken for one; else its instances are left out.
    """
    total = SliceOutcome()
    for ids, handle in rows:
        try:
            total = total.merged(await handle)
        except ActivityError as error:
            cause = error.cause
            if for_good or (isinstance(cause, ApplicationError) and cause.non_retryable):
                reasons = dict.fromkeys(ids, str(cause)) if len(ids) == 1 else {}
                total = total.merged(SliceOutcome(failed=ids, reasons=reasons))
    return total


def _slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    count = len(ids) if len(ids) <= ROWS else min(ROWS, len(ids) // SLICE_AT_LEAST)
    return ids.slices(count)
