"""Several processes open one new file and do the same work at the same time."""

import subprocess
import sys
from pathlib import Path

import pytest

from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import judge
from tests.compute.scene import NEW, SET

ROOT = Path(__file__).parents[2]
MACHINES = 60
SCRIPT = f"""
import asyncio, sys
from pathlib import Path
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from tests.compute.scene import MODEL, NEW, NEXT_MODEL, OLD, SET, swap

async def work():
    sys.stdin.readline()
    with SimulatedFleet(Path(sys.argv[1]), pace=NoPace()) as fleet:
        for number in range({MACHINES}):
            await fleet.create_instance(SET, str(number), OLD, MODEL)
        for number in range({MACHINES}):
            await fleet.swap_os_disk(swap(str(number)), NEW, NEXT_MODEL)

asyncio.run(work())
"""


@pytest.mark.processes
async def test_f2_four_processes_doing_the_same_work_at_once_do_it_once(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    workers = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], cwd=ROOT, stdin=subprocess.PIPE)  # noqa: S603, ASYNC220
        for _ in range(4)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
    assert [worker.returncode for worker in workers] == [0, 0, 0, 0]
    with SimulatedFleet(path) as fleet:
        instances = await fleet.list_instances(SET)
        fleet.take_stock(SET)
        judgement = judge(fleet.recorder.records(), max_batch_percent=100)
    assert len(instances) == MACHINES
    assert all(one.provisioned and one.os_disk is not None and one.os_disk.image == NEW for one in instances)
    assert judgement.violations == ()
    assert (judgement.swaps, judgement.swaps_per_instance) == (MACHINES, 1)
