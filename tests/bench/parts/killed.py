"""Everything of either is killed in the middle of a batch, and begun again at once: what becomes of the machines.

Told by the fleet's flight recorder, which neither has a hand in. Instar begins again by itself; Ansible by its
operator, who runs the same playbook again. It leaves machines alone that have the version by then.
"""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import bare_fleet, process_tree, scene
from tests.bench.ansible.playbook import Playbook, cloud
from tests.bench.figures import Figures, count, told
from tests.bench.part import Part
from tests.bench.parts import upgrade
from tests.bench.site import processes, site
from tests.bench.stacks import PREFIX, Stacked


def in_the_middle(records: Sequence[FlightRecord], size: int) -> bool:
    """Whether two fifths are done, and some of the next are on their way."""
    kinds = Counter(one.kind for one in records)
    done = kinds[Kind.COMMIT_SWAP]
    return done >= size * 2 // 5 and kinds[Kind.STOP] > done


def _became(records: Sequence[FlightRecord]) -> tuple[int, int]:
    """How many machines were swapped more than once, and the most out of service at once."""
    swaps = Counter(one.instance_id for one in records if one.kind is Kind.COMMIT_SWAP)
    return sum(number > 1 for number in swaps.values()), judge(records).most_out_at_once


def _instar(folder: Path, size: int) -> tuple[int, int]:
    """`instar up` on the same data twice: the first time until all of it is killed."""

    async def killed(pids: dict[str, int]) -> ScaleSetIdentity:
        async with site(folder) as one:
            scale_set = await upgrade.prepared(Stacked(one, pids), size)
            await one.start(scale_set)
            await scene.until(lambda: in_the_middle(one.fleet.recorder.records(), size), "the middle of an upgrade")
            for pid in process_tree.tree(os.getpid())[1:]:
                process_tree.kill(pid)
            return scale_set

    async def goes_on(scale_set: ScaleSetIdentity) -> tuple[int, int]:
        async with site(folder) as one:
            await one.ended(scale_set)
            return _became(one.fleet.recorder.records())

    with processes(folder) as (_, pids):
        scale_set = asyncio.run(killed(pids))
    with processes(folder):
        return asyncio.run(goes_on(scale_set))


def _ansible(folder: Path, size: int) -> tuple[int, int]:
    path = folder / "fleet.sqlite"
    scale_set = scene.identity("ansible")
    with bare_fleet.opened(path) as fleet, cloud(path, scale_set) as url:
        asyncio.run(bare_fleet.made(fleet, scale_set, size))
        playbook = Playbook(url, size, folder)
        playbook.kill_when(lambda: in_the_middle(fleet.recorder.records(), size))
        playbook.run()
        asyncio.run(bare_fleet.must_be_upgraded(fleet, scale_set, size))
        return _became(fleet.recorder.records())


def measure(size: int) -> Figures:
    """Instar, then Ansible, each on a fleet of its own."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        twice, out = _instar(Path(name), size)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        ansible_twice, ansible_out = _ansible(Path(name), size)
    return {
        "instar_swapped_twice": count(twice),
        "instar_most_out_at_once": count(out),
        "ansible_swapped_twice": told(ansible_twice),
        "ansible_most_out_at_once": told(ansible_out),
    }


PART = Part(
    name="killed",
    help="Instar, and Ansible, killed in the middle and begun again: machines swapped twice, most out at once",
    measure=measure,
    sizes=(100,),
    bounds={"*.instar_swapped_twice": 0, "100.instar_most_out_at_once": 20},
)
