"""Standing still in the middle of a swap or restore, so that a test can act there."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio.api.enums.v1 import EventType

from compute.simulated.faults import Call, Fault, FaultKind
from tests.support.world import World


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait, in real time, until that holds."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


def hold(world: World, call: Call, *ids: str) -> list[int]:
    """The next such call stands still just before its commit, on each of these instances."""
    return [world.fleet.inject(Fault(kind=FaultKind.LATE, call=call, instance_id=one)) for one in ids]


async def held(world: World, faults: list[int]) -> None:
    """Virtual time passes until they stand still; then the clock stands still with them."""
    async with world.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
        await eventually(lambda: all(world.fleet.hits(one) for one in faults))


def release(world: World, faults: list[int]) -> None:
    """Go on."""
    for one in faults:
        world.fleet.release(one)


CANCEL_REQUESTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED

Cancel = Callable[[World], Awaitable[object]]


async def by_hand(world: World) -> None:
    """`rollingUpgrades/cancel`."""
    await world.cancel()


async def in_temporal(world: World) -> None:
    """Temporal's own Cancel, which must mean the same (P14). Returns once the workflow has heard of it.

    Otherwise it may ask for the end of an activity that has just ended, which the time-skipping server cannot bear.
    """
    upgrade = world.upgrade()
    await upgrade.cancel()
    for _ in range(1000):
        kinds = [event.event_type async for event in upgrade.fetch_history_events()]
        if EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in kinds[kinds.index(CANCEL_REQUESTED) :]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the workflow does not hear of its cancel")
