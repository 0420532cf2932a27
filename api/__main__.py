"""The API process: `python -m api --host 127.0.0.1 --port 8000`, until SIGTERM or SIGINT."""

import argparse
import asyncio
import ipaddress
import logging
import os
import signal
import sys
from contextlib import ExitStack, closing
from types import FrameType

import uvicorn

from api.app import create_app
from connection.client import connect
from connection.computes import CannotCompute, open_compute
from connection.settings import Settings
from store.sealing import Sealer
from store.store import Store
from workflows.plugin import INSTAR

GRACE_SECONDS = 10
"""What requests under way are given when the process is asked to stop."""

ANY_HOST = "INSTAR_ALLOW_ANY_HOST"
"""Set to 1 inside containers only, where the published port is what is bound to loopback."""


def main() -> None:
    """Read the command line and serve."""
    arguments = _arguments()
    if not _is_loopback(arguments.host) and os.environ.get(ANY_HOST) != "1":
        sys.exit(
            f"api: '{arguments.host}' is not a loopback address. There is no access control yet: whoever reaches the "
            f"API may delete machines. Inside a container set {ANY_HOST}=1.",
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        # Once its requests are answered, uvicorn restores this handler and raises the signal again: what is open is
        # closed on the way out.
        signal.signal(number, _leave)
    try:
        asyncio.run(serve(Settings(), arguments.host, arguments.port))
    except CannotCompute as error:
        sys.exit(f"api: {error}")


async def serve(settings: Settings, host: str, port: int) -> None:
    """Open everything, answer until a signal asks to stop, close everything."""
    settings.make_data_dir()
    with ExitStack() as opened:
        fleet = opened.enter_context(closing(open_compute(settings)))
        store = opened.enter_context(closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))))
        # Lazy: reads are answered with Temporal down, and it may come later (A4).
        client = await connect([INSTAR], lazy=True)
        app = create_app(store, fleet, client, settings)
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        await uvicorn.Server(config).serve()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
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
