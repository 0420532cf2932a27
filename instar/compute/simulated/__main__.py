"""Put machines of the simulated fleet on real sockets until SIGTERM.

`python -P -m instar.compute.simulated FLEET SET ID...`
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from instar.compute.simulated.answers.sockets import MachineSockets
from instar.private_files import keep_new_files_private


def main() -> None:
    """Read the command line and serve."""
    keep_new_files_private()
    parser = argparse.ArgumentParser(prog="python -P -m instar.compute.simulated", description=__doc__)
    parser.add_argument("fleet", type=Path, help="the fleet's file: fleet.sqlite in the data directory")
    parser.add_argument("set", help="properties.uniqueId of the scale set")
    parser.add_argument("instance", nargs="+", type=int, help="instance ids")
    arguments = parser.parse_args()
    if not arguments.fleet.exists():
        sys.exit(f"{arguments.fleet} does not exist")
    asyncio.run(_serve(arguments.fleet, arguments.set, [str(number) for number in arguments.instance]))


async def _serve(fleet: Path, unique_id: str, instance_ids: list[str]) -> None:
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    async with MachineSockets(fleet) as sockets:
        for instance_id, port in (await sockets.put(unique_id, instance_ids)).items():
            sys.stdout.write(f"instance {instance_id} answers on port {port}\n")
        sys.stdout.flush()
        await asked_to_stop.wait()


if __name__ == "__main__":
    main()
