"""The guard with its Temporal server: `python -P -m instar.stack.guard`, as `instar up` starts it, until a signal."""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from instar.children import die_with_parent
from instar.compute.clock import utc_now
from instar.connection.logs import log_to_stderr
from instar.connection.sealed_payloads import sealed_payloads
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.private_files import keep_new_files_private
from instar.serving.door import BACKLOG, Door
from instar.serving.limits import ConnectionSettings
from instar.serving.server import QuietServer
from instar.serving.tls import FreshTls, TlsError, TlsFiles
from instar.stack.guard.links import Sessions
from instar.stack.guard.network import leave_for_own_network
from instar.stack.guard.page import page_app
from instar.stack.guard.place import Place, made
from instar.stack.guard.relay import demanding, relaying_to
from instar.stack.guard.server import LOOPBACK, OWN, InnerPorts, server_command, temporal_binary
from instar.store.errors import SealingError

_log = logging.getLogger("instar.stack.guard")

PULSE_SECONDS = 0.1
GRACE_SECONDS = 2
"""Given to requests of the page that are under way: it asks for news all the time."""

PATIENCE_SECONDS = 10.0
"""Given to the server to end."""


def main() -> None:
    """Read the command line and guard."""
    arguments = _arguments()
    keep_new_files_private()
    log_to_stderr()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    data_dir = arguments.data_dir.expanduser().absolute()
    try:
        # Before the network is left: those who come in stay outside of it.
        ports = (arguments.temporal_port, arguments.page_port)
        doors = [socket.create_server((LOOPBACK, port), backlog=BACKLOG) for port in ports]
        own_network = leave_for_own_network()
        inner = OWN if own_network else InnerPorts(*arguments.inner_ports)
        place = made(data_dir, arguments.temporal_port, arguments.page_port, own_network=own_network)
        sys.exit(asyncio.run(_guard(data_dir, place, doors, inner)))
    except (OSError, SealingError, TlsError, Trouble) as error:
        sys.exit(f"guard: {error}")


async def _guard(data_dir: Path, place: Place, doors: list[socket.socket], inner: InnerPorts) -> int:
    """Until a signal, or until the server ends; the exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    command = server_command(temporal_binary(), data_dir, inner)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent())  # noqa: S603, PLW1509, ASYNC220  # our own program; we run no threads yet
    try:
        async with _relaying(place, doors[0], inner), _showing(place, doors[1], inner):
            while not stop.is_set():
                if (status := server.poll()) is not None:
                    _log.error("the Temporal server ended with status %d", status)
                    return 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PULSE_SECONDS)
    finally:
        server.terminate()
        try:
            await asyncio.to_thread(server.wait, PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    return 0


@contextlib.asynccontextmanager
async def _relaying(place: Place, listener: socket.socket, inner: InnerPorts) -> AsyncIterator[None]:
    made = place.certificates
    files = TlsFiles(made.certificate, made.key, made.authority)
    tls = demanding(made.certificate, made.key, made.authority)
    door = Door(ConnectionSettings(), relaying_to(inner.temporal), tls)
    door.open([listener])
    # `instar up` renews them.
    fresh = asyncio.create_task(FreshTls(tls, files, utc_now).keep())
    try:
        yield
    finally:
        fresh.cancel()
        door.close()


@contextlib.asynccontextmanager
async def _showing(place: Place, listener: socket.socket, inner: InnerPorts) -> AsyncIterator[None]:
    app = page_app(
        place.page.url, f"http://{LOOPBACK}:{inner.ui}", Sessions(place.page.key), sealed_payloads(Settings())
    )
    server = QuietServer(
        uvicorn.Config(app, access_log=False, log_config=None, timeout_graceful_shutdown=GRACE_SECONDS)
    )
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([serving])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m instar.stack.guard", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--temporal-port", type=int, required=True, help="where mutual TLS lets clients in")
    parser.add_argument("--page-port", type=int, required=True, help="where the page is")
    parser.add_argument(
        *("--inner-ports",),
        type=int,
        nargs=4,
        required=True,
        help="the server's own gRPC, page, HTTP and metrics ports, where it can have no network of its own",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
