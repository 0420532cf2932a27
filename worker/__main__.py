"""The worker process: `python -P -m worker`, until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing, suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from instar.connection.computes import CannotCompute, open_compute
from instar.connection.logs import log_to_stderr
from instar.connection.private_data import keep_private
from instar.connection.readiness import Readiness
from instar.connection.remarks.names import unread
from instar.connection.remarks.problems import first_problem
from instar.connection.sealed_payloads import sealed_payloads
from instar.connection.settings import Settings
from instar.connection.waiting import connect_to_temporal, enter_data_dir, open_store
from instar.domain.legible import legible_line
from instar.private_files import TooOpen, keep_new_files_private
from instar.serving.server import CannotServe
from instar.store.errors import StoreError
from worker.composition import workers
from worker.outside import Outside
from worker.probes import answering, probes
from workflows.plugin import instar_plugin

log = logging.getLogger("worker")

There = TypeVar("There")


async def run(settings: Settings) -> None:
    """Work until a signal asks to stop; begun activities get a few seconds, the rest is done again elsewhere.

    A database or a Temporal server that is not there yet is waited for, and `worker.probes` says so (F9).
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.make_data_dir()
    keep_private(settings)
    readiness = Readiness()
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(answering(readiness, settings.worker_probes))
        presence = await _unless_stopped(enter_data_dir(settings, readiness), stop)
        if presence is None:
            return
        opened.enter_context(closing(presence))
        fleet = opened.enter_context(closing(open_compute(settings)))
        store = await _unless_stopped(open_store(settings, readiness), stop)
        if store is None:
            return
        opened.enter_context(closing(store))
        codec = sealed_payloads(settings)
        client = await _unless_stopped(connect_to_temporal([instar_plugin(codec)], readiness), stop)
        if client is None:
            return
        outside = Outside.of(settings.hooks, settings.public_url)
        for worker in workers(client, fleet, store, outside=outside):
            await opened.enter_async_context(worker)
        readiness.application = probes(store, client)
        log.info("worker ready")
        await stop.wait()
        log.info("worker stopping")


async def _unless_stopped(coming: Coroutine[Any, Any, There], stop: asyncio.Event) -> There | None:
    """What is waited for; None if we are asked to stop first."""
    waiting, stopping = asyncio.create_task(coming), asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    return None


def main() -> None:
    """Read the settings and work."""
    keep_new_files_private()
    log_to_stderr()
    for remark in unread(os.environ):
        log.warning("%s", legible_line(remark))
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"worker: the settings are wrong: {first_problem(error)}")
    try:
        asyncio.run(run(settings))
    except (CannotCompute, CannotServe, StoreError, TooOpen) as error:
        sys.exit(f"worker: {error}")


if __name__ == "__main__":
    main()
