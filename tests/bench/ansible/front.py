"""`python -m tests.bench.ansible.front PORT FLEET NAME UNIQUE_ID`: one set of the simulated fleet as a plain cloud.

What most clouds' interfaces are like: a request for another OS disk begins a move of its own each time, and is answered
when the disk is there; nobody is told who else asks, and what was begun goes on when the one who asked is gone.
"""

import argparse
import asyncio
import itertools
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI, HTTPException

from activities.looks import look_at
from instar.compute.clock import utc_now
from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.machines.instances import Standing
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench.bare_fleet import MACHINE, SOURCE, version_of
from tests.support.models import IMAGE, LOCATION

NAME = "machine-"
"""What machines are called, before their ids."""


def create_app(fleet: SimulatedFleet, scale_set: ScaleSetIdentity, first: int = 1) -> FastAPI:
    """Its two routes. Moves are numbered from `first`: above those that the machines have seen."""
    app = FastAPI()
    numbers = itertools.count(first)
    begun: set[asyncio.Task[object]] = set()

    @app.get("/fleet")
    async def whole() -> dict[str, Any]:
        look = await look_at(fleet, scale_set, SOURCE, utc_now)
        return {
            "machines": len(look.views),
            "unhealthy": len(look.standing_in(Standing.UNHEALTHY)),
            "healthy": [NAME + view.instance.instance_id for view in look.standing_in(Standing.HEALTHY)],
            "versions": {NAME + view.instance.instance_id: version_of(view.instance) for view in look.views},
        }

    @app.put("/machines/{name}/osDisk")
    async def os_disk(name: str, version: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        effect = Effect(scale_set, Fence(next(numbers), Step.SWAP, 1), _id(name))
        swap = asyncio.create_task(fleet.swap_os_disk(effect, IMAGE.at(version), MACHINE))
        begun.add(swap)
        swap.add_done_callback(begun.discard)
        return {"name": (await asyncio.shield(swap)).name}

    return app


def _id(name: str) -> str:
    number = name.removeprefix(NAME)
    if not (number.isascii() and number.isdigit()):
        raise HTTPException(404, f"machines are called {NAME}0, {NAME}1, …, not {name}")
    return number


def main() -> None:
    """Serve until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ansible.front", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("fleet", type=Path)
    parser.add_argument("name")
    parser.add_argument("unique_id")
    asked = parser.parse_args()
    resource_id = f"/{asked.name}"
    scale_set = ScaleSetIdentity(resource_id=resource_id, name=asked.name, unique_id=asked.unique_id, location=LOCATION)
    fleet = SimulatedFleet(asked.fleet)
    try:
        machines = asyncio.run(fleet.list_instances(scale_set))
        first = max((one.last_operation for one in machines), default=0) + 1
        app = create_app(fleet, scale_set, first)
        uvicorn.run(app, host="127.0.0.1", port=asked.port, access_log=False, log_config=None)
    finally:
        fleet.close()


if __name__ == "__main__":
    main()
