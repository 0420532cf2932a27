"""Standing still in the middle of a swap or restore, so that a test can act there."""

import asyncio
from collections.abc import Awaitable, Callable

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from tests.support.heard import heard
from tests.support.world import World


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait, in real time, until that holds."""
    for _ in range(6000):
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


Cancel = Callable[[World], Awaitable[object]]


async def by_hand(world: World) -> None:
    """`rollingUpgrades/cancel`."""
    await world.cancel()


async def in_temporal(world: World) -> None:
    """Temporal's own Cancel, which must mean the same (P14)."""
    await world.upgrade().cancel()
    await heard(world.upgrade())
