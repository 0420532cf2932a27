"""Two workers of one host at one libvirt (F2): processes as they run in production, on machines that boot."""

import asyncio
import signal

from instar.domain.machines.instances import PowerState
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from tests.libvirt.mortal_worker import death
from tests.libvirt.real_site import RealSite
from tests.processes.site import eventually

COUNT = 4
LATE_SECONDS = 5
"""More than a worker that stood still takes to try the rest of its swap."""


async def test_f2_two_worker_processes_at_once_swap_each_machine_once(real: RealSite) -> None:
    async with real.site.two_workers(), real.machines(COUNT) as live, real.offered("10.0.0", "v2"):
        before = live.instances()
        assert await live.boots() == {("v1", 1, 1)}
        await live.start()
        record = await live.ended()
        assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, COUNT)
        assert set(live.outcomes().values()) == {Outcome.UPGRADED}
        # Each OS disk was booted once, each data disk once more: no machine was started twice.
        assert await live.boots() == {("v2", 1, 2)}
        assert len(await live.say()) == COUNT
        for name, after in live.instances().items():
            assert after.os_disk is not None
            assert (after.power, after.os_disk.image.version) == (PowerState.RUNNING, "10.0.0")
            assert (after.vm_id, after.data_disks) == (before[name].vm_id, before[name].data_disks)
            assert after.previous_os_disks == (before[name].os_disk,)
        assert len({one for one in real.volumes() if ".os." in one}) == 2 * COUNT


async def test_f2_a_worker_that_stood_still_after_stopping_a_machine_is_too_late_for_it(real: RealSite) -> None:
    async with real.site.two_workers(), real.machines(2) as live, real.offered("11.0.0", "v2"):
        # Whoever stops machine 0 stands still from then on: the other worker has to end that swap.
        still = real.deaths / death("ask_to_stop", "swap", "0")
        still.write_text(str(int(signal.SIGSTOP)))
        try:
            await live.start()

            async def swapped() -> bool:
                return (await live.say()).get("0", {}).get("version") == "v2"

            await eventually(swapped, "the other worker has swapped the machine", 120)
            assert not still.exists()
        finally:
            real.site.wake()
        record = await live.ended()
        await asyncio.sleep(LATE_SECONDS)
        assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 2)
        number, _, attempt = live.records()["0"].fence
        assert (number, attempt > 1) == (1, True)
        # Neither its plug was pulled late, nor was it moved or started again.
        assert await live.boots() == {("v2", 1, 2)}
        assert [len(one.previous_os_disks) for one in live.instances().values()] == [1, 1]
