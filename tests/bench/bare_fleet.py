"""The machines of a set without Instar: the same fleet for whatever else drives it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.looks import look_at
from instar.compute.clock import utc_now
from instar.compute.provider import MachineModel
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.machines.instances import Instance, Standing
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import scene
from tests.support.models import IMAGE, NEW, OLD

SOURCE = scene.model(1).health_source
MACHINE = MachineModel(generation=1, data_disks=1, health_source=SOURCE)


@contextmanager
def opened(path: Path) -> Iterator[SimulatedFleet]:
    """A new one, scripted like Instar's."""
    fleet = SimulatedFleet(path)
    try:
        scene.script(fleet)
        yield fleet
    finally:
        fleet.close()


async def made(fleet: SimulatedFleet, scale_set: ScaleSetIdentity, size: int) -> None:
    """So many machines on the older version, all of which have come up."""
    for number in range(size):
        await fleet.create_instance(scale_set, str(number), IMAGE.at(OLD), MACHINE)
    await asyncio.sleep(scene.BOOT.total_seconds() + 1)


async def must_be_upgraded(fleet: SimulatedFleet, scale_set: ScaleSetIdentity, size: int) -> None:
    """Raises RuntimeError unless all of them are healthy on the newer version: what was timed was no upgrade."""
    look = await look_at(fleet, scale_set, SOURCE, utc_now)
    done = [one for one in look.standing_in(Standing.HEALTHY) if version_of(one.instance) == NEW]
    if len(done) != size:
        raise RuntimeError(f"{len(done)} of {size} machines are healthy on the newer version")


def version_of(instance: Instance) -> str:
    """The version of its image; "" for a machine without a disk."""
    return "" if instance.os_disk is None else instance.os_disk.image.version
