"""The same fleet, the same checks: Ansible's `serial: 20%`, and Instar, one after the other on this machine.

Ansible is what it is at its best here: nothing gathered, no connection, pipelining, as many forks as are of use, one
request for the health of a whole batch. Its time is that of the whole command, Instar's that of the upgrade's record:
Instar runs all the time, and its memory and processor time are those of all its processes while the upgrade ran.
"""

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench import bare_fleet, process_tree, scene
from tests.bench.ansible.playbook import Playbook, Ran, cloud
from tests.bench.figures import Better, Figures, mebibytes, ratio, seconds, told
from tests.bench.part import Part
from tests.bench.parts import upgrade
from tests.bench.stacks import PREFIX, Stacked, on_a_stack
from tests.bench.usage import cpu_seconds


@dataclass(frozen=True, slots=True)
class _Instar:
    upgrade: upgrade.Upgrade
    ran: Ran


async def _instar(stacked: Stacked, size: int) -> _Instar:
    scale_set = await upgrade.prepared(stacked, size)
    ours = [pid for pid in process_tree.tree(os.getpid()) if pid != os.getpid()]
    before = sum(map(cpu_seconds, ours))
    with process_tree.PeakTogether(ours) as memory:
        one = await upgrade.upgraded(stacked, scale_set)
        used = sum(map(cpu_seconds, ours)) - before
    return _Instar(one, Ran(one.seconds, used, memory.mib))


def _ansible(size: int) -> Ran:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        path = Path(name) / "fleet.sqlite"
        scale_set = scene.identity("ansible")
        with bare_fleet.opened(path) as fleet, cloud(path, scale_set) as url:
            asyncio.run(bare_fleet.made(fleet, scale_set, size))
            ran = Playbook(url, size, Path(name)).run()
            asyncio.run(bare_fleet.must_be_upgraded(fleet, scale_set, size))
        return ran


def measure(size: int) -> Figures:
    """Instar, then Ansible."""
    found, _memory = on_a_stack(lambda stacked: _instar(stacked, size))
    ours, ideal = found.ran, found.upgrade.ideal_seconds
    theirs = _ansible(size)
    return {
        "over_ideal": told(theirs.seconds / ideal, "ratio"),
        "instar_over_ideal": ratio(ours.seconds / ideal),
        "time_over_instar": ratio(theirs.seconds / ours.seconds, Better.HIGHER),
        "cpu_over_instar": ratio(theirs.cpu_seconds / ours.cpu_seconds, Better.HIGHER),
        "memory_over_instar": ratio(theirs.peak_mib / ours.peak_mib, Better.HIGHER),
        "seconds": told(theirs.seconds, "s"),
        "cpu_seconds": told(theirs.cpu_seconds, "s"),
        "peak_mib": told(theirs.peak_mib, "MiB"),
        "instar_seconds": seconds(ours.seconds),
        "instar_cpu_seconds": seconds(ours.cpu_seconds),
        "instar_peak_mib": mebibytes(ours.peak_mib),
    }


PART = Part(
    name="ansible",
    help="the same upgrade by Ansible's `serial: 20%`, beside Instar's",
    measure=measure,
    sizes=(100, 1_000),
)
