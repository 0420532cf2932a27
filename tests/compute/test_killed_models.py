"""A process that is killed while it applies a model; the next one finds everything in order."""

import subprocess
import sys
from pathlib import Path

import pytest

from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.file.faults import Call, Fault, FaultKind, Point
from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import Kind
from tests.compute.scene import NEXT_MODEL, SET, Scene

ROOT = Path(__file__).parents[2]
SCRIPT = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from tests.compute.scene import NEXT_MODEL, SET

now = datetime.fromisoformat(sys.argv[2])
fleet = SimulatedFleet(Path(sys.argv[1]), clock=lambda: now, pace=NoPace())
asyncio.run(fleet.apply_model(Effect(SET, Fence(1, Step.APPLY, 1), "0"), NEXT_MODEL))
"""


@pytest.mark.processes
@pytest.mark.parametrize("point", list(Point))
async def test_f1_a_process_killed_at_any_point_leaves_a_model_that_its_successor_completes(
    scene: Scene, point: Point
) -> None:
    await scene.make(5)
    disk = await scene.disk()
    fault = scene.fleet.inject(Fault(kind=FaultKind.DIES, call=Call.APPLY, point=point, instance_id="0"))
    arguments = [sys.executable, "-c", SCRIPT, str(scene.path), scene.clock.now.isoformat()]
    killed = subprocess.run(arguments, cwd=ROOT, check=False, timeout=60)  # noqa: S603, ASYNC221  # our own script
    assert killed.returncode == -9
    assert scene.fleet.hits(fault) == 1

    await scene.fleet.apply_model(Effect(SET, Fence(1, Step.APPLY, 2), "0"), NEXT_MODEL)

    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned, instance.generation) == (disk, True, 2)
    scene.fleet.take_stock(SET)
    records = scene.fleet.recorder.records()
    assert judge(records).violations == ()
    assert [one.kind for one in records].count(Kind.COMMIT_APPLY) == 1
