"""Telling many scale sets something at once: best effort, so that nobody waits long for it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from instar.domain.sets.scale_sets import ScaleSetIdentity

AT_ONCE = 20
"""Signals under way at the same time."""

ALL_WITHIN = timedelta(seconds=30)
"""With Temporal away the rest are let be."""


async def to_all(sets: Collection[ScaleSetIdentity], tell: Callable[[ScaleSetIdentity], Awaitable[bool]]) -> int:
    """Tell each of them; how many heard. `tell` raises nothing."""
    gate, heard = asyncio.Semaphore(AT_ONCE), list[bool]()

    async def told(scale_set: ScaleSetIdentity) -> None:
        async with gate:
            heard.append(await tell(scale_set))

    try:
        async with asyncio.timeout(ALL_WITHIN.total_seconds()):
            await asyncio.gather(*map(told, sets))
    except TimeoutError:
        return sum(heard)
    return sum(heard)
