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

Row = tuple[InstanceIds, workflow.ActivityHandle[SliceOutcome]]
Start = Callable[[InstanceIds, bool], list[Row]]
"""Starts rows for these instances; with False they begin nothing, and bring to its end what was begun."""


class DiskSteps:
    """Steps of one upgrade. Once `cancelled`, nothing begins any more; what was begun comes to its end."""

    def __init__(self, started: UpgradeState, cancelled: Callable[[], bool]) -> None:
        self._started = started
        self._cancelled = cancelled

    async def swap(self, batch: int, ids: InstanceIds) -> SliceOutcome:
        """Disks of the target version for these instances; `not_begun` are those that a cancel kept from it."""
        target = self._started.plan.target.version

        def start(some: InstanceIds, begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            return [
                (
                    part,
                    workflow.start_activity_method(
                        DiskActivities.swap_os_disks,
                        SwapSlice(ids=part, begin=begin, **self._slice(batch)),
                        task_queue=COMPUTE_QUEUE,
                        summary=f"{_words(begin)}swap OS disk of {part.ranges[:100]} to {target}",
                        **options.DISKS,
                    ),
                )
                for part in _slices(some)
            ]

        return await carry_out(ids, start, self._cancelled)

    async def restore(self, batch: int, ids: InstanceIds) -> SliceOutcome:
        """The previous disks of these instances; `not_begun` as for a swap."""

        def start(some: InstanceIds, begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            return [
                (
                    part,
                    workflow.start_activity_method(
                        DiskActivities.restore_os_disks,
                        RestoreSlice(ids=part, begin=begin, **self._slice(batch)),
                        task_queue=COMPUTE_QUEUE,
                        summary=f"{_words(begin)}restore the previous OS disk of {part.ranges[:100]}",
                        **options.DISKS,
                    ),
                )
                for part in _slices(some)
            ]

        return await carry_out(ids, start, self._cancelled)

    def _slice(self, batch: int) -> dict[str, Any]:
        started = self._started
        return {"scale_set": started.scale_set, "number": started.number, "batch": batch, "plan": started.plan}


async def carry_out(ids: InstanceIds, start: Start, cancelled: Callable[[], bool]) -> SliceOutcome:
    """The outcome of every instance. A cancel ends its rows as soon as what they have begun came to its end."""
    if cancelled():
        return SliceOutcome(not_begun=ids)
    rows = start(ids, True)
    await workflow.wait_condition(lambda: cancelled() or all(handle.done() for _, handle in rows))
    for _, handle in rows:
        if not handle.done():
            handle.cancel()
    outcome = await _outcome(rows, for_good=not cancelled())
    # A cancelled row says nothing of those that were to be tried again, or nothing at all if its worker died.
    left = ids - outcome.known
    return outcome.merged(await _outcome(start(left, False), for_good=True)) if left else outcome


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


def _words(begin: bool) -> str:  # noqa: FBT001  # as `Start` says
    return "" if begin else "cancelled; end what was begun: "


def _slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    count = len(ids) if len(ids) <= ROWS else min(ROWS, len(ids) // SLICE_AT_LEAST)
    return ids.slices(count)
