"""Where the tests of looks and triggers begin."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from tests.support.models import OLD
from tests.support.world import World

NEWER = "18.04.202403030"
FIRST = timedelta(hours=3, seconds=5)
"""Past the first trigger."""
LOOK = timedelta(minutes=60, seconds=5)
"""Past the next look, whenever it was drawn for."""


async def looking(world: World, size: int = 3) -> None:
    """A set on the newest version, whose first trigger has fired in vain."""
    await world.has_set(size)
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    assert world.status().last_look == f"nothing newer than {OLD}"


async def until(happened: Callable[[], bool]) -> None:
    """In real time: for what is written down a moment after it was asked for."""
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not happen")
