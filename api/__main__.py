"""The API process: `python -P -m api --host 127.0.0.1 --port 8000`, until SIGTERM or SIGINT."""

import argparse
import asyncio
import ipaddress
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from types import FrameType

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from temporalio.client import Plugin

from api.access.forgetting import forget_regularly
from api.access.signing_keys import SigningKeyError
from api.app import create_app
from api.login.composition import access_from
from api.services.composition import services_from
from instar.compute.clock import utc_now
from instar.connection.client import WrongSettings, configuration, connect, keep_connected
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
from instar.connection.waiting import enter_data_dir, open_fleet, open_store
from instar.domain.hosts.agreement import Part
from instar.domain.legible import legible_line
from instar.private_files import TooOpen, keep_new_files_private
from instar.serving.aside import serving_at
from instar.serving.fast import run
from instar.serving.server import CannotServe, QuietServer
from instar.serving.tls import FreshTls, TlsError, TlsFiles, check_certificate
from instar.store.database.key_file import KeyFile
from instar.store.errors import StoreError
from instar.store.overview.overview import overview
from instar.telemetry.metrics import REGISTRY
from workflows.plugin import instar_plugin

_log = logging.getLogger("api")

GRACE_SECONDS = 10
"""What requests under way are given when the process is asked to stop."""


def main() -> None:
    """Read the command line and serve."""
    keep_new_files_private()
    arguments = _arguments()
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"api: the settings are wrong: {first_problem(error)}")
    if not _is_loopback(arguments.host) and settings.tls.certificate is None:
        sys.exit(
            f"api: '{arguments.host}' is not a loopback address, and tokens must not be sent there in clear: set "
            "INSTAR_TLS__CERTIFICATE and INSTAR_TLS__KEY (`instar certificates` makes them).",
        )
    log_to_stderr("api", settings.log.format)
    for remark in unread(os.environ):
        _log.warning("%s", legible_line(remark))
    # Until there is a server that they can stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        if files := tls_files(settings):
            check_certificate(files, utc_now())
        configuration()  # before anything is made or waited for
        temporal = use_runtime(metrics=bool(settings.metrics.api), forward_logs=settings.log.format is LogFormat.JSON)
        run(serve(settings, arguments.host, arguments.port, temporal))
    except (
        CannotCompute,
        CannotServe,
        PlaceLost,
        SigningKeyError,
        StoreError,
        TlsError,
        TooOpen,
        WrongSettings,
    ) as error:
        sys.exit(f"api: {error}")


async def serve(settings: Settings, host: str, port: int, temporal: TemporalMetrics | None = None) -> None:
    """Answer until a signal asks to stop: 503 while something is waited for, then as the application does (F9).

    `temporal`: what the SDK counts, to be shown with our metrics.
    """
    state = State()
    async with serving_at(Metrics(REGISTRY, state, temporal=temporal), settings.metrics.api):
        await _serve(settings, host, port, state)


async def _serve(settings: Settings, host: str, port: int, state: State) -> None:
    settings.make_data_dir()
    keep_private(settings)
    readiness = Readiness()
    config = uvicorn.Config(
        readiness,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.tls.certificate,
        ssl_keyfile=settings.tls.key,
    )
    server = QuietServer(config, settings.connections)
    config.load()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    serving = asyncio.create_task(server.serve())
    async with AsyncExitStack() as opened:
        if config.ssl and (files := tls_files(settings)):
            opened.push_async_callback(ended, asyncio.create_task(FreshTls(config.ssl, files, utc_now).keep()))
        lost: list[str] = []

        def lose(why: str) -> None:
            lost.append(why)
            server.should_exit = True

        opening = asyncio.create_task(opened.enter_async_context(application(settings, readiness, state, lose)))
        try:
            await asyncio.wait([serving, opening], return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                readiness.application = opening.result()
                _log.info("api ready")
                await asyncio.wait([serving])
        finally:
            opening.cancel()
            server.should_exit = True
            await asyncio.wait([serving, opening])
    serving.result()
    if lost:
        raise PlaceLost(lost[0])


@asynccontextmanager
async def application(
    settings: Settings, readiness: Readiness, state: State, lose: Callable[[str], None]
) -> AsyncIterator[FastAPI]:
    """The application once all that it needs is there, with everything open; closed at the end.

    `lose` is told why this process may not go on, if that becomes known.
    """
    with ExitStack() as opened:
        opened.enter_context(closing(await enter_data_dir(settings, readiness)))
        fleet = opened.enter_context(closing(await open_fleet(settings, readiness)))
        store = opened.enter_context(closing(await open_store(settings, readiness)))
        state.reads(lambda: overview(store.database, utc_now()))
        # Lazy: reads are answered with Temporal down, and it may come later (A4).
        codec = sealed_payloads(settings)
        traces = opened.enter_context(traced(settings.traces, "api"))
        plugins: list[Plugin] = [instar_plugin(codec), *([traces.plugin()] if traces else ())]
        client = await connect(plugins, lazy=True)
        access = access_from(settings, store, utc_now)
        mine = itself(settings, Part.API, KeyFile(settings.keys), signs=access.own.key_id if access.own else "")
        membership = await join(mine, Ways(settings, store, fleet), readiness)
        opened.callback(membership.leave)
        if namespace := await namespace_of(client):
            await asyncio.to_thread(membership.works_with, namespace)
        services = services_from(
            store,
            fleet,
            client,
            settings,
            access,
            tracer=traces.tracer if traces else None,
            not_ready=lambda: "waits for the clock of this host" if membership.trouble else "",
        )
        app = create_app(services, traces=traces.provider if traces else None)
        asides = [
            asyncio.create_task(forget_regularly(store, utc_now, settings)),
            asyncio.create_task(keep_connected(client, plugins, services.gateway.use)),
            asyncio.create_task(membership.keep(lambda: [services.gateway.client], lose)),
        ]
        try:
            async with app.router.lifespan_context(app):
                yield app
        finally:
            for aside in asides:
                await ended(aside)


async def ended(aside: "asyncio.Task[None]") -> None:
    """End what runs beside the answering."""
    aside.cancel()
    await asyncio.wait([aside])


def tls_files(settings: Settings) -> TlsFiles | None:
    """What https is served with, if it is."""
    tls = settings.tls
    return TlsFiles(tls.certificate, tls.key) if tls.certificate and tls.key else None


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m api", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    return parser.parse_args()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    main()
