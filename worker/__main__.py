"""The worker process: `python -m worker`, until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
from contextlib import AsyncExitStack

from compute.simulated.fleet import SimulatedFleet
from connection.client import connect
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
    store = Store.open(settings.store_url, Sealer.from_file(settings.keys))
    fleet = SimulatedFleet(settings.fleet)
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
    asyncio.run(run(Settings()))
