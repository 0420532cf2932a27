"""Heartbeats while a call to the compute takes its time, so that a killed worker is noticed within seconds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from temporalio import activity

INTERVAL_SECONDS = 2.0
"""A fifth of the heartbeat time-out, so that one late beat on a busy machine is no false alarm."""


@asynccontextmanager
async def beating(details: Callable[[], tuple[Any, ...]] = tuple) -> AsyncIterator[None]:
    """Beat with `details()` at once, then every two seconds until the block ends."""

    async def beat() -> None:
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
