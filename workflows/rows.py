"""Effects on many instances as a few activities, and what a cancel does to them (docs/rules.md P14).

Rows where there are few instances, even slices where there are many.
"""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import SliceOutcome
from workflows.preemption import Cut

ROWS = 16
"""Activities of one step at the most: up to 16 instances each has its own row in the Temporal UI."""

SLICE_AT_LEAST = 16
"""Above that a row is an even slice of so many instances or more: a row each would double what many small sets cost."""

FEW_ROWS = 4
"""Of an upgrade's step: so a batch costs no more than 60 events in a set of up to 5,000 machines."""

LARGE_SLICE, SLICES_AT_MOST = 256, 12
"""Where that makes more than a few: so that several workers share a large batch, and a lost one loses little."""

Row = tuple[InstanceIds, workflow.ActivityHandle[SliceOutcome]]
Start = Callable[[InstanceIds, bool], list[Row]]
"""Starts rows for these instances; with False they begin nothing, and bring to its end what was begun."""


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


async def until_cut(ids: InstanceIds, start: Start, cut: Cut) -> SliceOutcome:
    """The outcome of every instance. Raises CutShort: the rows are then done again later, by the same keys (F10)."""
    rows = start(ids, True)
    await cut.all_done([handle for _, handle in rows])
    return await _outcome(rows, for_good=True)


def slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    """A row each, or even slices."""
    count = len(ids) if len(ids) <= ROWS else min(ROWS, len(ids) // SLICE_AT_LEAST)
    return ids.slices(count)


def few_slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    """A row each, or even slices: for a step of which there are many, since each row is up to six events.

    >>> [len(few_slices(InstanceIds(ranges=f"1-{count}"))) for count in (1, 4, 5, 31, 32, 200, 1_024, 2_000, 20_000)]
    [1, 4, 1, 1, 2, 4, 4, 7, 12]
    """
    count = len(ids)
    if count <= FEW_ROWS:
        return ids.slices(count)
    return ids.slices(max(min(FEW_ROWS, count // SLICE_AT_LEAST), min(SLICES_AT_MOST, count // LARGE_SLICE), 1))


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
