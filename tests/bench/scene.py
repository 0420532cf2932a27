"""The machines and the policy of every measurement, and the sets that they make up."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.delays import Delays
from instar.domain.sets.policies import RollingUpgradePolicy
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from tests.support.models import GROUP, IMAGE, LOCATION, NEW, OLD, arm

SWAP = timedelta(seconds=2)
BOOT = timedelta(seconds=3)
SIZES = (100, 1_000, 10_000)
SETS, SET_SIZE = 100, 100
DELAYS = Delays()
POLICY = RollingUpgradePolicy()

SUBSCRIPTION = GROUP.split("/")[2]

SETTINGS: dict[str, Any] = {
    "swap_seconds": SWAP.total_seconds(),
    "boot_seconds": BOOT.total_seconds(),
    "health_poll_first_seconds": DELAYS.health_poll_first.total_seconds(),
    "health_poll_most_seconds": DELAYS.health_poll_most.total_seconds(),
    "max_batch_instance_percent": POLICY.max_batch_instance_percent,
}


def identity(name: str) -> ScaleSetIdentity:
    """A new set of that name."""
    resource_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    return ScaleSetIdentity(resource_id=resource_id, name=name, unique_id=str(uuid.uuid4()), location=LOCATION)


def document(size: int) -> dict[str, Any]:
    """Its model."""
    return arm(size)


def model(size: int) -> ScaleSetModel:
    """The same, read."""
    return ScaleSetModel.from_arm(document(size), 1)


def script(fleet: SimulatedFleet) -> None:
    """Durations of all machines, on either version."""
    fleet.set_defaults(FleetDefaults(swap=SWAP, boot=BOOT))
    for version in (OLD, NEW):
        fleet.script_version(IMAGE.at(version), VersionScript())


async def until(done: Callable[[], bool], what: str, seconds: float = 900) -> None:
    """Wait, looking five times a second. Raises TimeoutError."""
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(done):  # noqa: ASYNC110  # the store has nothing to wait on
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise TimeoutError(f"not within {seconds:g} s: {what}") from None


def seconds_between(start: datetime, end: datetime | None) -> float:
    """How long an upgrade took by its own record."""
    if end is None:
        raise ValueError("the upgrade has not ended")
    return (end - start).total_seconds()
