"""Heartbeats while a call to the compute takes its time, so that a killed worker is noticed within seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio import activity

FIRST_SECONDS = 3.0
"""Each beat is a write of the Temporal server; what is over by then needs none. The time-out is counted from the start
of an attempt, and has seven seconds left."""

INTERVAL_SECONDS = 2.0
"""A fifth of the heartbeat time-out, so that one late beat on a busy machine is no false alarm."""


@asynccontextmanager
async def beating(details: Callable[[], tuple[Any, ...]] = tuple) -> AsyncIterator[None]:
    """Beat with `details()` after three seconds, then every two, until the block ends.

    Until the first one the server keeps what an earlier attempt told with its last.
    """

    async def beat() -> None:
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            activity.heartbeat(*details())
            await asyncio.sleep(INTERVAL_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
