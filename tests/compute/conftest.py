from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.simulated.file.scripts import FleetDefaults
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from tests.compute.scene import BOOT, ManualClock, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = ManualClock()
    path = tmp_path / "fleet.sqlite"
    with SimulatedFleet(path, clock=clock, pace=NoPace()) as fleet:
        fleet.set_defaults(FleetDefaults(swap=timedelta(seconds=2), boot=BOOT))
        built = Scene(fleet, clock, path)
        yield built
        for other in built.others:
            other.close()
