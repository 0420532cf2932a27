"""A small server beside what a process is for: probes, metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from instar.serving.server import QuietServer

PULSE_SECONDS = 0.02

_Message = MutableMapping[str, Any]
_Application = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]
]


@asynccontextmanager
async def serving_at(application: _Application, address: str) -> AsyncIterator[None]:
    """Answer at `HOST:PORT` until the block ends; nowhere if there is no address. Raises CannotServe if it is taken."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    config = uvicorn.Config(application, host=host.strip("[]"), port=int(port), access_log=False, log_config=None)
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not (server.started or serving.done()):  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(PULSE_SECONDS)
    try:
        if serving.done():
            serving.result()
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([serving])
