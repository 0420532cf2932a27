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

from instar.compute.clock import utc_now
from instar.connection.client import WrongSettings, configuration, keep_connected
from instar.connection.computes import CannotCompute
from instar.connection.hosts.membership import PlaceLost, Ways, itself, join, namespace_of
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
from instar.connection.waiting import connect_to_temporal, enter_data_dir, open_fleet, open_store
from instar.domain.hosts.agreement import Part
from instar.domain.legible import legible_line
from instar.private_files import TooOpen, keep_new_files_private
from instar.serving.aside import serving_at
from instar.serving.server import CannotServe
from instar.store.database.key_file import KeyFile
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
    what the SDK counts, to be shown with our metrics. Raises PlaceLost where this process may not go on.
    """
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.asked.set)
    settings.make_data_dir()
    keep_private(settings)
    readiness = Readiness()
    with suppress(Stopped):
        async with AsyncExitStack() as opened:
            state = State()
            await _show(settings, state, temporal, readiness, opened)
            await _work(settings, readiness, state, stop, opened)
    if stop.lost:
        raise PlaceLost(stop.lost)


async def _show(
    settings: Settings, state: State, temporal: TemporalMetrics | None, readiness: Readiness, opened: AsyncExitStack
) -> None:
    """Metrics and probes, at one address or at two."""
    metrics = Metrics(REGISTRY, state, temporal=temporal, otherwise=readiness)
    both = settings.metrics.worker == settings.worker_probes
    await opened.enter_async_context(serving_at(metrics if both else readiness, settings.worker_probes))
    if not both:
        alone = Metrics(REGISTRY, state, temporal=temporal)
        await opened.enter_async_context(serving_at(alone, settings.metrics.worker))


async def _work(settings: Settings, readiness: Readiness, state: State, stop: "Stop", opened: AsyncExitStack) -> None:
    opened.enter_context(closing(await stop.or_(enter_data_dir(settings, readiness))))
    fleet = opened.enter_context(closing(await stop.or_(open_fleet(settings, readiness))))
    store = opened.enter_context(closing(await stop.or_(open_store(settings, readiness))))
    mine = itself(settings, Part.WORKER, KeyFile(settings.keys))
    membership = await stop.or_(join(mine, Ways(settings, store, fleet), readiness))
    opened.callback(membership.leave)
    clients: list[Client] = []
    opened.push_async_callback(ended, asyncio.create_task(membership.keep(lambda: clients, stop.lose)))
    state.reads(lambda: overview(store.database, utc_now()))
    codec = sealed_payloads(settings)
    traces = opened.enter_context(traced(settings.traces, "worker"))
    plugins: list[Plugin] = [instar_plugin(codec), *([traces.plugin()] if traces else ())]
    client = await stop.or_(connect_to_temporal(plugins, readiness))
    if namespace := await namespace_of(client):
        await asyncio.to_thread(membership.works_with, namespace)
    await stop.or_(has_namespace(client, readiness))
    outside = Outside.of(settings.hooks, settings.public_url, traces.tracer if traces else None)
    working = workers(client, fleet, store, outside=outside, delays=settings.delays)
    for worker in working:
        await opened.enter_async_context(worker)

    def use(renewed: Client) -> None:
        clients[:] = [renewed]
        for worker in working:
            worker.client = renewed
        readiness.application = probes(store, renewed, membership)

    clients[:] = [client]
    readiness.application = probes(store, client, membership)
    opened.push_async_callback(ended, asyncio.create_task(keep_connected(client, plugins, use)))
    log.info("worker ready")
    await stop.asked.wait()
    log.info("worker stopping")


async def ended(aside: "asyncio.Task[None]") -> None:
    """End what runs beside the work."""
    aside.cancel()
    await asyncio.wait([aside])


class Stopped(Exception):
    """This process was asked to stop before it had all that it needs."""


class Stop:
    """Whether this process is to stop. `lost`: why it may not go on; "" where it is only asked to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.lost = ""

    def lose(self, why: str) -> None:
        """It may not go on."""
        self.lost = why
        self.asked.set()

    async def or_(self, coming: Coroutine[Any, Any, There]) -> There:
        """What is waited for. Raises Stopped if we are asked to stop first."""
        waiting, stopping = asyncio.create_task(coming), asyncio.create_task(self.asked.wait())
        await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        raise Stopped


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
    except (CannotCompute, CannotServe, PlaceLost, StoreError, TooOpen, WrongSettings) as error:
        sys.exit(f"worker: {error}")


if __name__ == "__main__":
    main()
