"""The worker process: `python -P -m worker`, until SIGTERM or SIGINT."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing, suppress
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.client import Client, Plugin

from activities.health import LOOKS_FOR
from instar.compute.clock import utc_now
from instar.connection.client import WrongSettings, configuration, keep_connected
from instar.connection.computes import CannotCompute, open_compute
from instar.connection.logs import log_to_stderr
from instar.connection.private_data import keep_private
from instar.connection.readiness import Readiness
from instar.connection.remarks.names import unread
from instar.connection.remarks.problems import first_problem
from instar.connection.sealed_payloads import sealed_payloads
from instar.connection.settings import Settings
from instar.connection.telemetry.endpoint import Metrics
from instar.connection.telemetry.settings import LogFormat
from instar.connection.telemetry.state import State
from instar.connection.telemetry.temporal_runtime import TemporalMetrics, use_runtime
from instar.connection.telemetry.tracing import traced
from instar.connection.waiting import connect_to_temporal, enter_data_dir, open_store
from instar.domain.legible import legible_line
from instar.private_files import TooOpen, keep_new_files_private
from instar.serving.aside import serving_at
from instar.serving.server import CannotServe
from instar.store.errors import StoreError
from instar.store.overview.overview import overview
from instar.telemetry.metrics import REGISTRY
from worker.composition import workers
from worker.namespace import has_namespace
from worker.outside import Outside
from worker.probes import probes
from workflows.plugin import instar_plugin

log = logging.getLogger("worker")

There = TypeVar("There")


async def run(settings: Settings, temporal: TemporalMetrics | None = None) -> None:
    """Work until a signal asks to stop; begun activities get a few seconds, the rest is done again elsewhere.

    A database or a Temporal server that is not there yet is waited for, and `worker.probes` says so (F9). `temporal`:
    what the SDK counts, to be shown with our metrics.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.make_data_dir()
    keep_private(settings)
    readiness = Readiness()
    async with AsyncExitStack() as opened:
        state = State()
        metrics = Metrics(REGISTRY, state, temporal=temporal, otherwise=readiness)
        both = settings.metrics.worker == settings.worker_probes
        await opened.enter_async_context(serving_at(metrics if both else readiness, settings.worker_probes))
        if not both:
            alone = Metrics(REGISTRY, state, temporal=temporal)
            await opened.enter_async_context(serving_at(alone, settings.metrics.worker))
        presence = await _unless_stopped(enter_data_dir(settings, readiness), stop)
        if presence is None:
            return
        opened.enter_context(closing(presence))
        fleet = opened.enter_context(closing(open_compute(settings)))
        store = await _unless_stopped(open_store(settings, readiness), stop)
        if store is None:
            return
        opened.enter_context(closing(store))
        state.reads(lambda: overview(store.database, utc_now()))
        codec = sealed_payloads(settings)
        traces = opened.enter_context(traced(settings.traces, "worker"))
        plugins: list[Plugin] = [instar_plugin(codec), *([traces.plugin()] if traces else ())]
        client = await _unless_stopped(connect_to_temporal(plugins, readiness), stop)
        if client is None:
            return
        if await _unless_stopped(has_namespace(client, readiness), stop) is None:
            return
        outside = Outside.of(settings.hooks, settings.public_url, traces.tracer if traces else None)
        working = workers(client, fleet, store, outside=outside, looks_for=LOOKS_FOR)
        for worker in working:
            await opened.enter_async_context(worker)
        readiness.application = probes(store, client)

        def use(renewed: Client) -> None:
            for worker in working:
                worker.client = renewed
            readiness.application = probes(store, renewed)

        connected = asyncio.create_task(keep_connected(client, plugins, use))
        log.info("worker ready")
        await stop.wait()
        log.info("worker stopping")
        connected.cancel()
        await asyncio.wait([connected])


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
    argparse.ArgumentParser(
        prog="python -P -m worker", description=f"{__doc__} Settings: docs/operations.md."
    ).parse_args()
    keep_new_files_private()
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"worker: the settings are wrong: {first_problem(error)}")
    log_to_stderr("worker", settings.log.format)
    for remark in unread(os.environ):
        log.warning("%s", legible_line(remark))
    try:
        configuration()  # before anything is made or waited for
        temporal = use_runtime(
            metrics=bool(settings.metrics.worker), forward_logs=settings.log.format is LogFormat.JSON
        )
        asyncio.run(run(settings, temporal))
    except (CannotCompute, CannotServe, StoreError, TooOpen, WrongSettings) as error:
        sys.exit(f"worker: {error}")


if __name__ == "__main__":
    main()
