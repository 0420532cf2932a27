"""A process that is killed at each point of a swap and of a restore; the next one finds everything in order."""

import subprocess
import sys
from pathlib import Path

import pytest

from instar.compute.simulated.file.faults import Call, Fault, FaultKind, Point
from instar.compute.simulated.flight.judgement import judge
from tests.compute.scene import NEW, SET, Scene

ROOT = Path(__file__).parents[2]
SCRIPT = """
import asyncio, sys
from pathlib import Path
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from datetime import datetime
from tests.compute.scene import NEW, NEXT_MODEL, ON_OLD, give_back, models, restore, swap

now = datetime.fromisoformat(sys.argv[3])
fleet = SimulatedFleet(Path(sys.argv[1]), clock=lambda: now, pace=NoPace())
calls = {
    "swap": lambda: fleet.swap_os_disk(swap(), NEW, NEXT_MODEL),
    "restore": lambda: fleet.restore_os_disk(restore(), models),
    "give-back": lambda: fleet.give_back_os_disk(give_back(), ON_OLD, models),
}
asyncio.run(calls[sys.argv[2]]())
"""


@pytest.mark.processes
@pytest.mark.parametrize("point", list(Point))
@pytest.mark.parametrize("call", [Call.SWAP, Call.RESTORE, Call.GIVE_BACK])
async def test_f1_a_process_killed_at_any_point_leaves_work_that_its_successor_completes(
    scene: Scene,
    call: Call,
    point: Point,
) -> None:
    await scene.make(5)
    old = await scene.disk()
    if call is not Call.SWAP:
        await scene.swap()
    fault = scene.fleet.inject(Fault(kind=FaultKind.DIES, call=call, point=point, instance_id="0"))
    arguments = [sys.executable, "-c", SCRIPT, str(scene.path), str(call), scene.clock.now.isoformat()]
    killed = subprocess.run(arguments, cwd=ROOT, check=False, timeout=60)  # noqa: S603, ASYNC221  # our own script
    assert killed.returncode == -9
    assert scene.fleet.hits(fault) == 1

    match call:
        case Call.SWAP:
            disk = await scene.swap(attempt=2)
        case Call.RESTORE:
            disk = await scene.restore(attempt=2)
        case _:
            disk = await scene.give_back(attempt=2)

    assert disk.image == NEW if call is Call.SWAP else disk == old
    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned, len(instance.previous_os_disks)) == (disk, True, 1)
    counts = {name: (one.custom_data, one.extensions) for name, one in scene.fleet.runs(SET, "0").items()}
    again = 1 if call is Call.SWAP else 2
    assert counts == {"web_0_os_0": (again, again), "web_0_os_1": (1, 1)}
    assert [one.name for one in instance.extensions] == ["setup", "app"]
    scene.fleet.take_stock(SET)
    judgement = judge(scene.fleet.recorder.records())
    assert judgement.violations == ()
    done = (judgement.swaps, judgement.restores, judgement.given_back)
    assert done == (1, int(call is Call.RESTORE), int(call is Call.GIVE_BACK))
