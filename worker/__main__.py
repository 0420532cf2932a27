"""The worker process: `python -m worker`, until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack

from connection.client import connect
from connection.computes import CannotCompute, open_compute
from connection.settings import Settings
from store.sealing import Sealer
from store.store import Store
from worker.composition import workers
from workflows.plugin import INSTAR

log = logging.getLogger("worker")


async def run(settings: Settings) -> None:
    """Work until a signal asks to stop; begun activities get a few seconds, the rest is done again elsewhere."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings.make_data_dir()
    fleet = open_compute(settings)
    store = Store.open(settings.store_url, Sealer.from_file(settings.keys))
    try:
        client = await connect([INSTAR])
        async with AsyncExitStack() as running:
            for one in workers(client, fleet, store):
                await running.enter_async_context(one)
            log.info("worker ready")
            await stop.wait()
            log.info("worker stopping")
    finally:
        fleet.close()
        store.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(run(Settings()))
    except CannotCompute as error:
        sys.exit(f"worker: {error}")
